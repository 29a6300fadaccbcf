// Package bom writes the software bill of materials of what a stack deploys, from the catalogue of images and their lock
// file. It lists images: what is inside of each, its makers' own bills say.
package bom

import (
	"io"
	"net/url"
	"path"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/images/lock"
)

// Write writes a bill as CycloneDX 1.6 in JSON. It has neither serial number nor time, so that the same images make the same
// bytes. An image that has no digest says so, and is identified by its tag alone.
func Write(out io.Writer, subject string, all []images.Image, held lock.Lock) error {
	components := []cdx.Component{}
	for _, image := range images.Union(all) {
		components = append(components, component(image, held[image.Name()]))
	}
	document := cdx.NewBOM()
	document.SerialNumber = ""
	document.Metadata = &cdx.Metadata{Component: &cdx.Component{BOMRef: "lagrum:" + subject, Type: cdx.ComponentTypePlatform, Name: subject}}
	document.Components = &components
	return cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(document, cdx.SpecVersion1_6)
}

func component(image images.Image, row lock.Row) cdx.Component {
	made := cdx.Component{
		BOMRef: image.Name(), Type: cdx.ComponentTypeContainer, Name: image.Upstream, Version: image.Tag, Description: image.Use,
		Licenses:   &cdx.Licenses{{License: &cdx.License{ID: image.Licence}}},
		PackageURL: purl(image, row.Digest),
	}
	properties := []cdx.Property{{Name: "lagrum:digest", Value: "unresolved"}}
	if row.Digest != "" {
		properties = []cdx.Property{{Name: "lagrum:digest", Value: row.Digest}, {Name: "lagrum:from", Value: row.From}}
	}
	if row.Node != "" {
		properties = append(properties, cdx.Property{Name: "lagrum:digest:linux/amd64", Value: row.Node})
	}
	made.Properties = &properties
	return made
}

// purl is a package URL of type oci: https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md.
func purl(image images.Image, digest string) string {
	made := "pkg:oci/" + path.Base(image.Upstream)
	if digest != "" {
		made += "@" + url.QueryEscape(digest)
	}
	return made + "?repository_url=" + url.QueryEscape(image.Upstream) + "&tag=" + url.QueryEscape(image.Tag)
}
