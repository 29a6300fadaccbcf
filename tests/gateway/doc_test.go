// Package gateway_test has a real Traefik take its routes from a real API server, and asks it what it should answer and what
// it should refuse.
package gateway_test
