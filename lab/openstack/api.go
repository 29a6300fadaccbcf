package openstack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// plainHTTP asks without following: an API's root may lead elsewhere.
var plainHTTP = &http.Client{
	// Nothing here leaves this machine, whatever proxy the user's shell names.
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       2 * time.Minute,
}

// Client speaks to the APIs as one user in one project.
type Client struct {
	token string
	// Project and User are the ids of whom it speaks for.
	Project, User string
}

// root is where the paths of an API begin.
func (c *Client) root(service string) (string, error) {
	url, err := serviceURL(service)
	if err != nil {
		return "", err
	}
	switch service {
	case "keystone":
		return url + "/v3", nil
	case "nova":
		return url + "/v2.1", nil
	case "neutron", "octavia":
		return url + "/v2.0", nil
	case "glance":
		return url + "/v2", nil
	case "cinder":
		return url + "/v3/" + c.Project, nil
	case "barbican":
		return url + "/v1", nil
	}
	return url, nil
}

// Login makes a client for one of the lab's users: "admin" in the project admin, or Tenant in the project Tenant.
func (l *Lab) Login(ctx context.Context, user string) (*Client, error) {
	domain := map[string]string{"id": "default"}
	return login(ctx, map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{
			"user": map[string]any{"name": user, "domain": domain, "password": l.secrets.Password},
		}},
		"scope": map[string]any{"project": map[string]any{"name": user, "domain": domain}},
	})
}

// login asks Keystone for a token.
func login(ctx context.Context, auth map[string]any) (*Client, error) {
	var answer struct {
		Token struct{ Project, User struct{ ID string } }
	}
	c := &Client{}
	header, err := c.do(ctx, http.MethodPost, "keystone", "/auth/tokens", nil, map[string]any{"auth": auth}, &answer)
	if err != nil {
		return nil, err
	}
	c.token, c.Project, c.User = header.Get("X-Subject-Token"), answer.Token.Project.ID, answer.Token.User.ID
	return c, nil
}

// Get reads what is at a path of a service into out.
func (c *Client) Get(ctx context.Context, service, path string, out any) error {
	_, err := c.do(ctx, http.MethodGet, service, path, nil, nil, out)
	return err
}

// Post makes something.
func (c *Client) Post(ctx context.Context, service, path string, in, out any) error {
	_, err := c.do(ctx, http.MethodPost, service, path, nil, in, out)
	return err
}

// Put sets something.
func (c *Client) Put(ctx context.Context, service, path string, in, out any) error {
	_, err := c.do(ctx, http.MethodPut, service, path, nil, in, out)
	return err
}

// do sends in as JSON, or as it is when it is bytes, and reads JSON, or bytes, into out.
func (c *Client) do(ctx context.Context, method, service, path string, header http.Header, in, out any) (http.Header, error) {
	root, err := c.root(service)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	kind := "application/json"
	switch value := in.(type) {
	case nil:
	case []byte:
		body, kind = bytes.NewReader(value), "application/octet-stream"
	default:
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, root+path, body)
	if err != nil {
		return nil, err
	}
	request.Header = header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	if body != nil {
		request.Header.Set("Content-Type", kind)
	}
	if c.token != "" {
		request.Header.Set("X-Auth-Token", c.token)
	}
	response, err := plainHTTP.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, request.URL, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s %s: %s: %s", method, request.URL, response.Status, strings.TrimSpace(string(text)))
	}
	switch value := out.(type) {
	case nil:
	case *[]byte:
		*value = text
	default:
		if err := json.Unmarshal(text, out); err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, request.URL, err)
		}
	}
	return response.Header, nil
}

// ensure finds an object by its name in the list at a path, or makes it there, and returns its id. Most of OpenStack spells
// both in one way: {"things": [{"id":, "name":}]} and {"thing": {...}}.
func (c *Client) ensure(ctx context.Context, service, path, kind, name string, properties map[string]any) (id string, err error) {
	var list map[string]json.RawMessage
	if err := c.Get(ctx, service, path, &list); err != nil {
		return "", err
	}
	var known []struct{ ID, Name string }
	if err := json.Unmarshal(list[kind+"s"], &known); err != nil {
		return "", fmt.Errorf("%s %s: list of %ss: %w", service, path, kind, err)
	}
	for _, object := range known {
		if object.Name == name {
			return object.ID, nil
		}
	}
	wanted := map[string]any{"name": name}
	for key, value := range properties {
		wanted[key] = value
	}
	var made map[string]struct{ ID string }
	if err := c.Post(ctx, service, path, map[string]any{kind: wanted}, &made); err != nil {
		return "", err
	}
	return made[kind].ID, nil
}
