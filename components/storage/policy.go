package storage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
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
		validation(pulumi.String("object.provisioner != "+workload.Literal(d.inTree)), d.inTree+" is what this storage was once called; name "+d.name),
	)
	if err != nil {
		return nil, err
	}
	volumes, err := b.refuse("volumes", "", "persistentvolumes",
		validation(pulumi.String(fmt.Sprintf(
			"!has(object.spec.csi) || object.spec.csi.driver != %s || "+
				"(has(object.spec.storageClassName) && object.spec.storageClassName in [%s, %s])",
			workload.Literal(d.name), workload.Literal(Encrypted), workload.Literal(Retained))),
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
				workload.Literal(key), workload.Literal(key), workload.Literal(all[i].(string))))
		}
		return fmt.Sprintf("object.provisioner != %s || (%s)", workload.Literal(driver), strings.Join(terms, " && "))
	}).(pulumi.StringOutput)
}

func validation(expression pulumi.StringInput, message string) workload.Validation {
	return workload.Validation{Expression: expression, Message: message}
}

// refuse makes an admission policy for one kind of object, and puts it in force.
func (b *builder) refuse(what, group, resource string, validations ...workload.Validation) ([]pulumi.Resource, error) {
	return b.Refuse(b.driver.part, workload.Refusal{
		Name: "lagrum-encrypted-" + what, Role: what,
		Targets: []workload.Target{{Group: group, Resources: []string{resource}}}, Validations: validations,
	})
}
