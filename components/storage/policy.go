package storage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/admissionregistration/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// policies refuse, whoever asks, a class of the driver that is not encrypted as the stack's disks are, and a volume of the
// driver that is of no class of ours. Kubernetes still hands classes and volumes of the storage's old name to the driver:
// none may bear it.
//
// They cannot see into the cloud: a volume that a person made there by hand, and names in an object of the right class, is
// let through.
func (b *builder) policies() ([]pulumi.Resource, error) {
	d := b.driver
	classes, err := b.refuse("classes", "storage.k8s.io", "storageclasses",
		validation(b.encrypted(), "a class of "+d.name+" makes encrypted volumes, by the parameters that the class "+Encrypted+" has"),
		validation(pulumi.String("object.provisioner != "+literal(d.inTree)), d.inTree+" is what this storage was once called; name "+d.name),
	)
	if err != nil {
		return nil, err
	}
	volumes, err := b.refuse("volumes", "", "persistentvolumes",
		validation(pulumi.String(fmt.Sprintf(
			"!has(object.spec.csi) || object.spec.csi.driver != %s || "+
				"(has(object.spec.storageClassName) && object.spec.storageClassName in [%s, %s])",
			literal(d.name), literal(Encrypted), literal(Retained))),
			"a volume of "+d.name+" is of the class "+Encrypted+" or "+Retained),
		validation(pulumi.String("!has(object.spec."+d.inTreeSource+")"),
			d.inTreeSource+" is what this storage was once called; name "+d.name),
	)
	if err != nil {
		return nil, err
	}
	return append(classes, volumes...), nil
}

// encrypted is true for a class that is another driver's, or asks for volumes that are encrypted as they must be.
func (b *builder) encrypted() pulumi.StringOutput {
	keys := slices.Sorted(maps.Keys(b.args.Encryption))
	var values []any
	for _, key := range keys {
		values = append(values, b.args.Encryption[key])
	}
	driver := b.driver.name
	return pulumi.All(values...).ApplyT(func(all []any) string {
		terms := []string{"has(object.parameters)"}
		for i, key := range keys {
			terms = append(terms, fmt.Sprintf("%s in object.parameters && object.parameters[%s] == %s",
				literal(key), literal(key), literal(all[i].(string))))
		}
		return fmt.Sprintf("object.provisioner != %s || (%s)", literal(driver), strings.Join(terms, " && "))
	}).(pulumi.StringOutput)
}

func validation(expression pulumi.StringInput, message string) admissionv1.ValidationArgs {
	return admissionv1.ValidationArgs{Expression: expression, Message: pulumi.String(message), Reason: pulumi.String("Forbidden")}
}

// refuse makes an admission policy for one kind of object, and puts it in force.
func (b *builder) refuse(what, group, resource string, validations ...admissionv1.ValidationInput) ([]pulumi.Resource, error) {
	name := "lagrum-encrypted-" + what
	policy, err := admissionv1.NewValidatingAdmissionPolicy(b.Ctx, b.Name+"-"+what, &admissionv1.ValidatingAdmissionPolicyArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(name), Labels: b.Labels(b.driver.part)},
		Spec: &admissionv1.ValidatingAdmissionPolicySpecArgs{
			FailurePolicy: pulumi.String("Fail"),
			MatchConstraints: &admissionv1.MatchResourcesArgs{ResourceRules: admissionv1.NamedRuleWithOperationsArray{
				admissionv1.NamedRuleWithOperationsArgs{
					ApiGroups: pulumi.ToStringArray([]string{group}), ApiVersions: pulumi.ToStringArray([]string{"v1"}),
					Operations: pulumi.ToStringArray([]string{"CREATE", "UPDATE"}), Resources: pulumi.ToStringArray([]string{resource}),
				},
			}},
			Validations: admissionv1.ValidationArray(validations),
		},
	}, b.Parent)
	if err != nil {
		return nil, fmt.Errorf("admission policy %s: %w", name, err)
	}
	binding, err := admissionv1.NewValidatingAdmissionPolicyBinding(b.Ctx, b.Name+"-"+what, &admissionv1.ValidatingAdmissionPolicyBindingArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(name), Labels: b.Labels(b.driver.part)},
		Spec: &admissionv1.ValidatingAdmissionPolicyBindingSpecArgs{
			PolicyName: pulumi.String(name), ValidationActions: pulumi.ToStringArray([]string{"Deny"}),
		},
	}, b.Parent, pulumi.DependsOn([]pulumi.Resource{policy}))
	if err != nil {
		return nil, fmt.Errorf("admission policy %s: binding: %w", name, err)
	}
	return []pulumi.Resource{policy, binding}, nil
}

// literal writes a string of CEL.
func literal(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(text) + "'"
}
