package gateway

import (
	"embed"
	"fmt"
	"path"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiextensions"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"sigs.k8s.io/yaml"
)

// The kinds that Traefik will not start without: those of Gateway API's standard channel, at the version that it was built with.
// GRPCRoute and ReferenceGrant are among them, though nobody uses them here.
//
//go:generate go run -C ../../tools/crds . components/gateway/crds
//go:embed crds/*.yaml
var crds embed.FS

// definition is what is read of a file; what its schema says is passed on as it is.
type definition struct {
	Metadata struct {
		Name        string            `json:"name"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec map[string]any `json:"spec"`
}

// definitions are those of all files, by the order of their names.
func definitions() ([]definition, error) {
	entries, err := crds.ReadDir("crds")
	if err != nil {
		return nil, err
	}
	var all []definition
	for _, entry := range entries {
		text, err := crds.ReadFile(path.Join("crds", entry.Name()))
		if err != nil {
			return nil, err
		}
		var one definition
		if err := yaml.Unmarshal(text, &one); err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		all = append(all, one)
	}
	return all, nil
}

// kinds tells the API of them. They are described as any object is: the typed arguments have no word for some of the rules.
func (b *builder) kinds() ([]pulumi.Resource, error) {
	all, err := definitions()
	if err != nil {
		return nil, fmt.Errorf("kinds: %w", err)
	}
	var made []pulumi.Resource
	for _, one := range all {
		plural := one.Spec["names"].(map[string]any)["plural"].(string)
		kind, err := apiextensions.NewCustomResource(b.Ctx, b.Name+"-"+plural, &apiextensions.CustomResourceArgs{
			ApiVersion: pulumi.String("apiextensions.k8s.io/v1"), Kind: pulumi.String("CustomResourceDefinition"),
			Metadata: &metav1.ObjectMetaArgs{
				Name: pulumi.String(one.Metadata.Name), Labels: b.Labels(), Annotations: pulumi.ToStringMap(one.Metadata.Annotations),
			},
			OtherFields: kubernetes.UntypedArgs{"spec": one.Spec},
		}, b.Parent)
		if err != nil {
			return nil, fmt.Errorf("kind %s: %w", plural, err)
		}
		made = append(made, kind)
	}
	return made, nil
}
