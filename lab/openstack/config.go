package openstack

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/lagrum/lagrum/lab/records"
)

// files are the services' configuration, as templates, and the lab's own drivers.
//
//go:embed all:files
var files embed.FS

// folders are the ones that services expect to exist.
var folders = []string{
	"data/keystone/fernet", "data/keystone/credential", "data/barbican/.barbican", "data/glance/images", "data/glance/staging", "data/glance/tasks",
	"data/nova", "data/neutron", "data/cinder/shares", "data/cinder/coordination", "data/octavia", "data/rabbitmq", "data/locks", "etc/placement", "bin", "log",
}

// placed says where configuration lies that is not found by a flag.
var placed = map[string]string{
	// It hears of no other configuration than that of its home.
	"barbican.conf":  "data/barbican/.barbican/barbican.conf",
	"placement.conf": "etc/placement/placement.conf",
}

// configure writes all configuration. Doing it again writes the same.
func (l *Lab) configure() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("openstack: not root (user id %d): Debian's packages and their state need it; run as root", os.Geteuid())
	}
	if err := l.makeSecrets(); err != nil {
		return err
	}
	for _, folder := range folders {
		if err := os.MkdirAll(l.Path(folder), 0o700); err != nil {
			return err
		}
	}
	configuration, err := l.render()
	if err != nil {
		return err
	}
	for name, text := range configuration {
		path := l.Path("etc", name)
		if other, ok := placed[name]; ok {
			path = l.Path(other)
		}
		if err := records.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	if err := l.copyDrivers(); err != nil {
		return err
	}
	// Cinder asks for root through sudo, which would take the lab's mark away. It is root already.
	if err := records.WriteFile(l.Path("bin", "sudo"), []byte("#!/bin/sh\nexec \"$@\"\n"), 0o700); err != nil {
		return err
	}
	return l.makeAuthority()
}

// render makes the text of every configuration file, by its name.
func (l *Lab) render() (map[string][]byte, error) {
	all, err := template.New("").Option("missingkey=error").ParseFS(files, "files/conf/*.tmpl")
	if err != nil {
		return nil, err
	}
	texts := map[string][]byte{
		// A share's name, as the NFS driver spells it; nothing is mounted.
		"cinder-shares": []byte("127.0.0.1:/lab\n"),
	}
	for _, t := range all.Templates() {
		name, ok := strings.CutSuffix(t.Name(), ".conf.tmpl")
		if !ok {
			continue // parts of others
		}
		var text bytes.Buffer
		if err := t.Execute(&text, values{Lab: l, secrets: l.secrets}); err != nil {
			return nil, fmt.Errorf("openstack: configuration of %s: %w", name, err)
		}
		texts[name+".conf"] = text.Bytes()
	}
	for i, host := range computeHosts {
		texts[host+".conf"] = fmt.Appendf(nil, "# Pretended host %d: a second file beside nova.conf.\n[DEFAULT]\nhost = %s\n", i+1, host)
	}
	return texts, nil
}

// copyDrivers lays the lab's Python drivers where PYTHONPATH leads.
func (l *Lab) copyDrivers() error {
	return fs.WalkDir(files, "files/python", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel("files", path)
		if err != nil {
			return err
		}
		return records.WriteFile(l.Path(relative), text, 0o600)
	})
}

// makeAuthority makes the throw-away authority that Octavia wants to sign its amphorae's certificates with; there are none.
func (l *Lab) makeAuthority() error {
	certificate, key := l.Path("etc", "octavia-ca.pem"), l.Path("etc", "octavia-ca.key")
	if _, err := os.Stat(certificate); err == nil {
		return nil
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lagrum lab " + l.Name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := records.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600); err != nil {
		return err
	}
	return records.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}
