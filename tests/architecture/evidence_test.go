package architecture

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Probes run against what exists; the program declares what shall. An S3 client in the program would be compiled into
// every preview, and one that attacks has no place in it.
func TestProbesStayOutOfTheProgram(t *testing.T) {
	probes := false
	for _, p := range list(t, "./...") {
		inside := within(p.ImportPath, "evidence")
		probes = probes || inside
		for _, dep := range p.Deps {
			if inside {
				require.False(t, strings.HasPrefix(dep, "github.com/pulumi/"), "%s reaches %s", room(p.ImportPath), dep)
			}
			if !inside && !within(p.ImportPath, "cmd", "tests", "lab/plugins/s3") { // a plugin is no part of the program
				require.False(t, within(dep, "evidence") || strings.HasPrefix(dep, "github.com/minio/"), "%s reaches %s", room(p.ImportPath), dep)
			}
		}
	}
	require.True(t, probes, "the room evidence is no longer found")
}
