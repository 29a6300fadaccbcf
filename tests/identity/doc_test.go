// Package identity_test has real API servers take and refuse the tokens of a real Dex, which real logins gave.
package identity_test
