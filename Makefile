# gopx-trace: every CI step is a target of this file.
# `make` lists them.

GO      ?= go
CLANG   ?= clang-19
FUZZTIME ?= 10s
MODULE  ?=
PREFIX  ?= /usr/local
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
LINT    := $(GO) tool -modfile=.ci/lint/go.mod golangci-lint

.DEFAULT_GOAL := help
.PHONY: help build install demo test unit check-tools vet lint cross lab-matrix fuzz generate man bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build ./gopx-trace (needs Go only: the BPF objects are committed)
	CGO_ENABLED=0 $(GO) build -trimpath -o gopx-trace ./cmd/gopx-trace

install: build ## put the binary, man pages and completions below PREFIX
	$(SUDO) install -D -m 755 gopx-trace $(DESTDIR)$(PREFIX)/bin/gopx-trace
	$(SUDO) install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(SUDO) ./gopx-trace gen-man $(DESTDIR)$(PREFIX)/share/man/man1
	./gopx-trace completion bash | $(SUDO) tee $(DESTDIR)$(PREFIX)/share/bash-completion/completions/gopx-trace >/dev/null

demo: build ## run the main job on an embedded lab, without a network; MODULE=... traces the real one
ifeq ($(MODULE),)
	$(SUDO) ./gopx-trace demo
else
	@echo '$$ sudo gopx-trace go get $(MODULE)'
	@dir=$$(mktemp -d) && cd $$dir && $(GO) mod init example.test/demo 2>/dev/null && \
	GOMODCACHE=$$dir/cache $(SUDO) "$(CURDIR)/gopx-trace" $(GO) get $(MODULE); \
	code=$$?; GOMODCACHE=$$dir/cache $(GO) clean -modcache; rm -rf $$dir; exit $$code
endif

test: check-tools build ## install what the tests need, then run them all (root: with the kernel and the lab)
	$(SUDO) env "PATH=$$PATH" $(GO) test -count=1 -timeout 20m -parallel 8 ./...

unit: ## run the tests without root and without installing anything
	$(GO) test ./...

check-tools: ## install the packages that the tests use (Debian)
	@.ci/packages

vet: ## go vet, for this system
	$(GO) vet ./... ./.ci/bench

lint: ## golangci-lint with .golangci.yml
	$(LINT) run ./... ./.ci/bench

cross: ## vet and build for arm64, and what reads files for macOS and Windows
	GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...
	GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/gopx-trace
	set -e; for target in darwin/arm64 windows/amd64; do \
	export CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/}; echo "$$target"; \
	$(GO) vet ./agent/... ./report/... ./capture ./capture/pcapfile ./capture/live ./cmd/...; \
	$(GO) build -o /dev/null ./cmd/gopx-trace; done

lab-matrix: ## run every fault of the lab and write docs/accuracy.md
	@.ci/packages && .ci/packages servers
	rm -f /tmp/gopx-trace-matrix.tsv
	-$(SUDO) env "PATH=$$PATH" $(GO) test -count=1 -timeout 30m -parallel 8 ./cmd/gopx-trace -run 'TestVerdicts|TestRealServers|TestLaterVerdicts' -matrix /tmp/gopx-trace-matrix.tsv
	$(GO) test -count=1 ./cmd/gopx-trace -run TestWriteAccuracy -matrix /tmp/gopx-trace-matrix.tsv -accuracy $(CURDIR)/docs/accuracy.md

fuzz: ## fuzz each target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

generate: ## compile the BPF programs again (needs clang-19); CI wants no diff
	$(GO) generate ./...

man: build ## write the man pages to ./man
	mkdir -p man && ./gopx-trace gen-man man

bench: build ## what tracing costs: paired runs, medians, a null control
	$(GO) run -exec "$(SUDO) env PATH=$$PATH" ./.ci/bench $(BENCH)

clean: ## remove what was built
	rm -rf gopx-trace man
