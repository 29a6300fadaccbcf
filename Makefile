# The two commands: `make up` (a real cluster on this machine) and `make test`. `make down` removes every trace.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Everything is linked without debug tables: the Kubernetes SDK makes them large and slow to write.
LDFLAGS := -s -w

.PHONY: help
help: ## Show this list.
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Always asked, since go's own cache knows best what changed, embedded files included.
.PHONY: bin/lagrum
bin/lagrum:
	@go build -ldflags='$(LDFLAGS)' -o $@ ./cmd/lagrum

.PHONY: up
up: bin/lagrum ## Build a real kubeadm cluster on this machine, by the real program and engine, and check its nodes.
	@bin/lagrum lab up --check

.PHONY: down
down: bin/lagrum ## Remove every trace of it but the cache.
	@bin/lagrum lab down

.PHONY: test
test: ## Unit, golden, mocks, policy and architecture tests, vet, staticcheck, gofmt.
	@.ci/test

.PHONY: e2e
e2e: bin/lagrum ## The core path of the lab's end-to-end tests.
	@.ci/e2e core

.PHONY: e2e-full
e2e-full: bin/lagrum ## Everything, with a dated result under docs/results.
	@.ci/e2e full

# It installs some 400 of Debian's packages the first time.
.PHONY: openstack
openstack: ## A real OpenStack control plane on this machine, a stack against it by the real engine, and no trace afterwards.
	@go test -tags=openstack -count=1 -v -timeout=$${OPENSTACK_SECONDS:-2700}s ./lab/openstack

golden := github.com/lagrum/lagrum/tests/golden

.PHONY: update
update: ## Rewrite the golden files and generated references; look at the diff before you commit.
	@go generate ./...
	@! go test $$(go list -f '{{range .TestImports}}{{if eq . "$(golden)"}}{{$$.ImportPath}} {{end}}{{end}}{{range .XTestImports}}{{if eq . "$(golden)"}}{{$$.ImportPath}} {{end}}{{end}}' ./...) -update
