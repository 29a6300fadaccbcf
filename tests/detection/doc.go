// Package detection has a real API server record forbidden and ordinary acts under the nodes' own audit policy, and looks at what
// is told of them.
package detection
