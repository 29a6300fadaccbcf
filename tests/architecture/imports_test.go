// Package architecture holds the house's law as tests: who may import whom, and which documents must agree with the code.
package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/lagrum/lagrum"

// pkg is what `go list -json` tells of a package.
type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
	Deps       []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Doc,Imports,Deps"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	}
	require.NoError(t, err)
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
}

// room is the folder of a package inside the module: "stacks/plan", or "" for main.
func room(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "/") }

func within(path string, rooms ...string) bool {
	for _, r := range rooms {
		if path == module+"/"+r || strings.HasPrefix(path, module+"/"+r+"/") {
			return true
		}
	}
	return false
}

// law says what a room may never reach, directly or through others.
var law = []struct {
	name   string
	room   []string
	never  []string // import path prefixes
	except []string // rooms inside room that are exempt
}{
	{name: "pure packages know no Pulumi", room: []string{"stacks/site", "stacks/country", "stacks/plan", "requirements", "components/bootstrap", "providers/firewall",
		"providers/objectstore/rights", "components/traffic", "components/images", "components/detection"},
		never: []string{"github.com/pulumi/"}},
	{name: "components know no concrete cloud", room: []string{"components"},
		never: []string{module + "/providers/lab", module + "/providers/openstack", module + "/providers/aws", module + "/providers/objectstore",
			"github.com/pulumi/pulumi-aws", "github.com/pulumi/pulumi-openstack"}},
	{name: "providers know no components", room: []string{"providers"}, never: []string{module + "/components", "github.com/pulumi/pulumi-kubernetes"}},
	{name: "decisions know nobody who builds", room: []string{"stacks/site", "stacks/country", "stacks/plan", "requirements"},
		never: []string{module + "/components", module + "/providers", module + "/construct", module + "/lab"}},
	{name: "nothing below stacks knows stacks itself", room: []string{"components", "providers", "requirements", "lab", "construct"}, never: []string{module + "/stacks$"}},
	{name: "the lab knows nothing above it", room: []string{"lab"}, never: []string{module + "/components", module + "/stacks", module + "/cmd"},
		except: []string{"lab/plugins/kubernetes"}},
	{name: "the product knows no lab", room: []string{"stacks", "components", "providers", "requirements", "construct"}, never: []string{module + "/lab", module + "/cmd"}},
	{name: "the companion command stays light", room: []string{"cmd"}, never: []string{"github.com/pulumi/pulumi-kubernetes", "github.com/pulumi/pulumi-aws",
		"github.com/pulumi/pulumi-openstack", "k8s.io/client-go"}},
	{name: "no chart, no rendered YAML, anywhere", room: []string{"."}, never: []string{
		"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/helm", "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/yaml",
		"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/kustomize"}},
	{name: "one importer of the AWS SDK", room: []string{"."}, never: []string{"github.com/pulumi/pulumi-aws"},
		except: []string{"providers/aws", "providers/objectstore", "stacks", "tests/clouds", "tests/objectstore", ""}},
	{name: "the program asks no registry", room: []string{"."}, never: []string{"github.com/google/go-containerregistry/pkg/v1/remote"},
		except: []string{"cmd/lagrum"}},
	{name: "one importer of the OpenStack SDK", room: []string{"."}, never: []string{"github.com/pulumi/pulumi-openstack"},
		except: []string{"providers/openstack", "stacks", "tests/clouds", ""}},
}

func forbidden(dep string, never []string) bool {
	for _, n := range never {
		if exact, ok := strings.CutSuffix(n, "$"); ok {
			if dep == exact {
				return true
			}
		} else if strings.HasPrefix(dep, n) {
			return true
		}
	}
	return false
}

// violations applies one article of the law to what go list tells.
func violations(packages []pkg, rooms, never, except []string) []string {
	var found []string
	for _, p := range packages {
		if rooms[0] != "." && !within(p.ImportPath, rooms...) {
			continue
		}
		exempt := false
		for _, e := range except {
			exempt = exempt || (e == "" && p.ImportPath == module) || (e != "" && within(p.ImportPath, e))
		}
		if exempt {
			continue
		}
		for _, dep := range p.Deps {
			if forbidden(dep, never) {
				found = append(found, room(p.ImportPath)+" reaches "+dep)
			}
		}
	}
	return found
}

func TestImportLaw(t *testing.T) {
	packages := list(t, "./...")
	require.NotEmpty(t, packages)
	for _, article := range law {
		t.Run(article.name, func(t *testing.T) {
			for _, v := range violations(packages, article.room, article.never, article.except) {
				t.Error(v)
			}
		})
	}
}

// The law would be worthless if violations() found nothing: it is tried on made-up packages that break it.
func TestImportLawFindsABreach(t *testing.T) {
	made := []pkg{
		{ImportPath: module + "/components/backup", Deps: []string{"fmt", module + "/providers/lab"}},
		{ImportPath: module + "/stacks/plan", Deps: []string{"github.com/pulumi/pulumi/sdk/v3/go/pulumi"}},
		{ImportPath: module + "/lab/machines", Deps: []string{module + "/stacks/plan"}},
		{ImportPath: module + "/components/gateway", Deps: []string{"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/helm/v3"}},
		{ImportPath: module + "/components/certs", Deps: []string{module + "/stacks"}},
	}
	var all []string
	for _, article := range law {
		all = append(all, violations(made, article.room, article.never, article.except)...)
	}
	require.Equal(t, []string{
		"stacks/plan reaches github.com/pulumi/pulumi/sdk/v3/go/pulumi",
		"components/backup reaches " + module + "/providers/lab",
		"components/certs reaches " + module + "/stacks",
		"lab/machines reaches " + module + "/stacks/plan",
		"components/gateway reaches github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/helm/v3",
	}, all)
}

// What was decided is in the plan: whoever builds reads nothing else. (The plan itself imports the site's types, so only
// direct imports tell.)
func TestBuildersReadThePlanAlone(t *testing.T) {
	for _, p := range list(t, "./...") {
		if within(p.ImportPath, "components", "providers") {
			require.NotContains(t, p.Imports, module+"/stacks/site", p.ImportPath)
			require.NotContains(t, p.Imports, module+"/stacks/country", p.ImportPath)
		}
		if p.ImportPath == module {
			require.ElementsMatch(t, []string{module + "/stacks", "github.com/pulumi/pulumi/sdk/v3/go/pulumi"}, p.Imports)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range list(t, "./...") {
		if p.Doc == "" && !strings.HasSuffix(p.ImportPath, "_test") && !strings.HasPrefix(room(p.ImportPath), "tests/") {
			t.Errorf("%s: no package comment; say what it is and why this boundary", room(p.ImportPath))
		}
	}
}

func TestNoDrawerNames(t *testing.T) {
	for _, p := range list(t, "./...") {
		for _, part := range strings.Split(room(p.ImportPath), "/") {
			switch part {
			case "util", "utils", "common", "helper", "helpers", "misc":
				t.Errorf("%s: a package is named for what it provides, not %q", room(p.ImportPath), part)
			}
		}
	}
}
