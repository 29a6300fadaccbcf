package harness

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// leaks walks properties and describes every place outside a secret where a marker shows: in clear, or under layers of
// base64 and gzip, as in a kubeconfig inside user-data.
func leaks(properties resource.PropertyMap, markers map[string]string) []string {
	var found []string
	var walk func(path string, value resource.PropertyValue)
	walk = func(path string, value resource.PropertyValue) {
		switch {
		case value.IsSecret():
			return
		case value.IsOutput():
			if output := value.OutputValue(); output.Known && !output.Secret {
				walk(path, output.Element)
			}
		case value.IsObject():
			for _, key := range value.ObjectValue().StableKeys() {
				walk(path+"."+string(key), value.ObjectValue()[key])
			}
		case value.IsArray():
			for i, element := range value.ArrayValue() {
				walk(fmt.Sprintf("%s[%d]", path, i), element)
			}
		case value.IsString():
			layers := unwrap([]byte(value.StringValue()), maxLayers)
			for _, marker := range slices.Sorted(maps.Keys(markers)) {
				if slices.ContainsFunc(layers, func(layer []byte) bool { return bytes.Contains(layer, []byte(marker)) }) {
					found = append(found, fmt.Sprintf("%s holds a secret in clear: %s", strings.TrimPrefix(path, "."), markers[marker]))
				}
			}
		}
	}
	walk("", resource.NewProperty(properties))
	return found
}

// maxLayers bounds the search: a bundle (base64) of files (tar) with a kubeconfig in it (base64 again) needs three.
const maxLayers = 4

// unwrap gives data and everything that is packed in it.
func unwrap(data []byte, depth int) [][]byte {
	layers := [][]byte{data}
	if depth == 0 {
		return layers
	}
	if unzipped, err := gunzip(data); err == nil {
		layers = append(layers, unwrap(unzipped, depth-1)...)
	}
	for _, word := range base64Words().FindAll(data, -1) {
		// A word may be cut out of a longer text: whole groups of four decode by themselves.
		decoded, err := base64.StdEncoding.DecodeString(string(word[:len(word)/4*4]))
		if err == nil {
			layers = append(layers, unwrap(decoded, depth-1)...)
		}
	}
	return layers
}

func base64Words() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`) }

func gunzip(data []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}
