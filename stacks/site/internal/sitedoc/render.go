package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/lagrum/lagrum/stacks/site"
)

const preamble = `# The site

<!-- Written by go generate ./stacks/site from the comments in stacks/site. Change those. -->

One stack is described by one structured configuration key, ` + "`lagrum:site`" + `, in ` + "`Pulumi.<stack>.yaml`" + `:

` + "```yaml" + `
config:
  pulumi:disable-default-providers: ["*"]
  lagrum:site:
    country: se
    environment: prod
    # ...
` + "```" + `

The program reads it strictly. An unknown key, a key given twice, a value of the wrong type or outside its range, and
values that do not fit together are all reported in one run, each with its path, its value and what to write instead:

` + "```" + `
cluster.version: "v1.35.0" is not a supported version of Kubernetes; use one of: v1.36.3
nodePools[1].cuont: is not a known key; did you mean count?
` + "```" + `

Warnings are printed apart and stop nothing. What the law of the country says about a site is decided after this, by
the plan.

Write dates in quotes: without them YAML reads a point in time. Secrets are never part of the site. They are encrypted
keys of their own, set with ` + "`pulumi config set --secret lagrum:<key>`" + `; a key in the site that looks like a secret is refused.

A **required** key has no default. An **optional** one may be absent, and its explanation says what that means.
`

// render makes the reference from the sources in dir.
func render(dir string) ([]byte, error) {
	comments, err := read(dir)
	if err != nil {
		return nil, err
	}
	out := bytes.NewBufferString(preamble)
	fmt.Fprintf(out, "\n## Sections\n")
	sections := sectionsOf(reflect.TypeFor[site.Site](), "lagrum:site", nil)
	for _, s := range sections {
		if err := comments.section(out, s); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(out, "\n## Values\n\n| type | accepts |\n|---|---|\n")
	for _, name := range valuesOf(sections) {
		text := comments.types[name]
		if text == "" {
			return nil, fmt.Errorf("%s: type %s has no comment; write one", dir, name)
		}
		fmt.Fprintf(out, "| %s | %s |\n", name, cell(text))
	}
	fmt.Fprintf(out, "\n## Examples\n")
	for _, e := range []struct {
		title string
		site  site.Site
	}{
		{"The laboratory", site.ExampleDev()},
		{"Production on OpenStack, with all that a site can say", site.ExampleProd()},
		{"Recovery on AWS", site.ExampleRecovery()},
	} {
		text, err := site.Marshal(e.site)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "\n### %s\n\n```yaml\n%s```\n", e.title, text)
	}
	return out.Bytes(), nil
}

// section is one struct of the site, and where it stands.
type section struct {
	paths []string
	typ   reflect.Type
}

// sectionsOf lists a struct and those inside it, in order of appearance, each type once.
func sectionsOf(t reflect.Type, path string, known []section) []section {
	for i := range known {
		if known[i].typ == t {
			known[i].paths = append(known[i].paths, path)
			return known
		}
	}
	known = append(known, section{[]string{path}, t})
	for _, f := range site.Fields(t) {
		field, _ := t.FieldByName(f.Name)
		inner, at := field.Type, strings.TrimPrefix(path+"."+f.Key, "lagrum:site.")
		if inner.Kind() == reflect.Slice {
			inner, at = inner.Elem(), at+"[]"
		}
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if isSection(inner) {
			known = sectionsOf(inner, at, known)
		}
	}
	return known
}

// isSection tells a struct of keys from a value, which has no exported field.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.Field(0).IsExported()
}

// valuesOf lists the named types of values that the sections use, in order of appearance.
func valuesOf(sections []section) []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range sections {
		for i := range s.typ.NumField() {
			t := s.typ.Field(i).Type
			if t.Kind() == reflect.Slice {
				t = t.Elem()
			}
			if t.Kind() == reflect.Struct && !isSection(t) && !seen[t.Name()] {
				seen[t.Name()] = true
				names = append(names, t.Name())
			}
		}
	}
	return names
}

// comments are the doc comments of a package: by type, and by type and field.
type comments struct {
	dir    string
	types  map[string]string
	fields map[string]string
}

func read(dir string) (*comments, error) {
	c := &comments{dir, map[string]string{}, map[string]string{}}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, &fs.PathError{Op: "read", Path: dir, Err: os.ErrNotExist}
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GenDecl:
				// A declaration without parentheses carries its type's comment itself.
				if spec, ok := n.Specs[0].(*ast.TypeSpec); ok && !n.Lparen.IsValid() {
					c.types[spec.Name.Name] = n.Doc.Text()
				}
			case *ast.TypeSpec:
				c.typeSpec(n)
			}
			return true
		})
	}
	return c, nil
}

func (c *comments) typeSpec(spec *ast.TypeSpec) {
	if spec.Doc != nil {
		c.types[spec.Name.Name] = spec.Doc.Text()
	}
	if s, ok := spec.Type.(*ast.StructType); ok {
		for _, f := range s.Fields.List {
			for _, name := range f.Names {
				c.fields[spec.Name.Name+"."+name.Name] = f.Doc.Text()
			}
		}
	}
}

func (c *comments) section(out *bytes.Buffer, s section) error {
	fmt.Fprintf(out, "\n### %s\n\n%s\n\n", s.typ.Name(), cell(c.types[s.typ.Name()]))
	fmt.Fprintf(out, "At `%s`.\n\n", strings.Join(s.paths, "`, `"))
	fmt.Fprintf(out, "| key | type | | example | |\n|---|---|---|---|---|\n")
	defaults := defaultsOf(s.typ)
	for _, f := range site.Fields(s.typ) {
		text := c.fields[s.typ.Name()+"."+f.Name]
		if text == "" {
			return fmt.Errorf("%s: field %s.%s has no comment; write one", c.dir, s.typ.Name(), f.Name)
		}
		field, _ := s.typ.FieldByName(f.Name)
		example := ""
		if f.Example != "" {
			example = "`" + f.Example + "`"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s | %s |\n",
			f.Key, typeName(field.Type), need(f, defaults.Field(field.Index[0])), example, cell(text))
	}
	return nil
}

// need says whether a key must be given, and what stands in for it.
func need(f site.Field, fallback reflect.Value) string {
	switch {
	case !fallback.IsZero():
		return fmt.Sprintf("default `%v`", fallback.Interface())
	case f.Required:
		return "**required**"
	case fallback.Kind() == reflect.Bool:
		return "default `false`"
	}
	return "optional"
}

// defaultsOf is the section as it is before anything is read into it.
func defaultsOf(t reflect.Type) reflect.Value {
	switch t {
	case reflect.TypeFor[site.Cluster]():
		return reflect.ValueOf(site.DefaultCluster())
	case reflect.TypeFor[site.Pool]():
		return reflect.ValueOf(site.DefaultPool())
	case reflect.TypeFor[site.Backup]():
		return reflect.ValueOf(site.DefaultBackup())
	case reflect.TypeFor[site.Login]():
		return reflect.ValueOf(site.DefaultLogin())
	case reflect.TypeFor[site.DirectoryPeople]():
		return reflect.ValueOf(site.DefaultDirectoryPeople())
	case reflect.TypeFor[site.DirectoryGroups]():
		return reflect.ValueOf(site.DefaultDirectoryGroups())
	case reflect.TypeFor[site.Recovery]():
		return reflect.ValueOf(site.DefaultRecovery())
	}
	return reflect.Zero(t)
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Map:
		return "map of texts"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "number"
	case reflect.String:
		return "word"
	}
	if isSection(t) {
		return fmt.Sprintf("[%s](#%s)", t.Name(), strings.ToLower(t.Name()))
	}
	return t.Name()
}

// cell makes one line of a comment, fit for a table.
func cell(comment string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(strings.Join(strings.Fields(comment), " "))
}
