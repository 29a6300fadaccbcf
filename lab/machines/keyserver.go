package machines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lagrum/lagrum/lab/process"
	"github.com/lagrum/lagrum/lab/records"
)

// KeyServer is the lab's Tang: machines open their encrypted disks with its help, and cannot without. It stands for the key
// servers that an operator runs, and listens on the lab's bridge alone.
type KeyServer struct {
	Port int `json:"port"`
	// Thumbprint of its signing key, by which machines know it.
	Thumbprint string          `json:"thumbprint"`
	Process    process.Process `json:"process"`
	// Off says that StopKeyServer switched it off: no machine's start brings it back.
	Off bool `json:"off,omitempty"`
}

const (
	keyServerPort   = 7500
	keyServerRecord = "keyserver.json"
	keyServerKeys   = "keyserver"
	tangd           = "/usr/libexec/tangd"
)

// MakeKeyServer gives the lab a key server with keys of its own, which it has from then on whenever it has a network.
// Doing it twice changes nothing.
func (l *Lab) MakeKeyServer(ctx context.Context) (KeyServer, error) {
	unlock, err := l.records.Lock()
	if err != nil {
		return KeyServer{}, err
	}
	defer unlock()
	if made, err := l.KeyServer(); !errors.Is(err, ErrNotFound) {
		return made, err
	}
	keys := l.records.Path(keyServerKeys)
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return KeyServer{}, err
	}
	if _, err := run(ctx, "", tangd+"-keygen", keys); err != nil {
		return KeyServer{}, err
	}
	thumbprint, err := signingKey(ctx, keys)
	if err != nil {
		return KeyServer{}, err
	}
	server := KeyServer{Port: keyServerPort, Thumbprint: thumbprint}
	if err := l.saveKeyServer(server); err != nil {
		return KeyServer{}, err
	}
	networks, err := records.All[Network](l.records, records.Networks)
	if err != nil || len(networks) == 0 {
		return server, err
	}
	return server, l.raiseNetwork(ctx, networks[0])
}

// signingKey is the thumbprint (RFC 7638, SHA-256) of the key that the others are signed with.
func signingKey(ctx context.Context, keys string) (string, error) {
	files, err := filepath.Glob(filepath.Join(keys, "*.jwk"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		var key struct {
			Algorithm string `json:"alg"`
		}
		if err := json.Unmarshal(data, &key); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		if key.Algorithm != "ES512" {
			continue
		}
		thumbprint, err := run(ctx, "", "jose", "jwk", "thp", "-a", "S256", "-i", file)
		return strings.TrimSpace(thumbprint), err
	}
	return "", fmt.Errorf("%s: no signing key in it", keys)
}

// KeyServer returns the lab's key server, or ErrNotFound.
func (l *Lab) KeyServer() (KeyServer, error) {
	var server KeyServer
	data, err := os.ReadFile(l.records.Path(keyServerRecord))
	if errors.Is(err, fs.ErrNotExist) {
		return server, fmt.Errorf("lab %s: key server %w", l.name, ErrNotFound)
	}
	if err != nil {
		return server, err
	}
	return server, json.Unmarshal(data, &server)
}

func (l *Lab) saveKeyServer(server KeyServer) error {
	data, err := json.Marshal(server)
	if err != nil {
		return err
	}
	return records.WriteFile(l.records.Path(keyServerRecord), append(data, '\n'), 0o600)
}

// raiseKeyServer starts the key server where the lab has one that does not run. The caller holds the lock.
func (l *Lab) raiseKeyServer(network Network) error {
	server, err := l.KeyServer()
	if errors.Is(err, ErrNotFound) || err == nil && (server.Off || server.Process.Alive()) {
		return nil
	}
	if err != nil {
		return err
	}
	// tangd answers one request on its standard input and output.
	listen := fmt.Sprintf("TCP-LISTEN:%d,bind=%s,reuseaddr,fork", server.Port, network.Gateway)
	answer := fmt.Sprintf("EXEC:%s %s", tangd, l.records.Path(keyServerKeys))
	log := l.records.Path("keyserver.log")
	if server.Process, err = process.Start(l.name, l.keyServerMark(), log, exec.Command("socat", listen, answer)); err != nil {
		return fmt.Errorf("key server: %w", err)
	}
	return l.saveKeyServer(server)
}

func (l *Lab) keyServerMark() string { return l.name + "/keyserver" }

// StopKeyServer switches the key server off, as a data centre's failure would. ResumeKeyServer brings it back with its keys.
func (l *Lab) StopKeyServer(ctx context.Context) error {
	return l.switchKeyServer(true, func() error { return process.KillMarked(ctx, l.keyServerMark()) })
}

// ResumeKeyServer switches the key server on again.
func (l *Lab) ResumeKeyServer() error {
	return l.switchKeyServer(false, func() error {
		networks, err := records.All[Network](l.records, records.Networks)
		if err != nil || len(networks) == 0 {
			return err
		}
		return l.raiseKeyServer(networks[0])
	})
}

func (l *Lab) switchKeyServer(off bool, then func() error) error {
	unlock, err := l.records.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	server, err := l.KeyServer()
	if err != nil {
		return err
	}
	server.Off = off
	if err := l.saveKeyServer(server); err != nil {
		return err
	}
	return then()
}
