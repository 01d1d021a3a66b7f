# Everything that is done to this repository. `make test` is what CI runs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS += --no-builtin-rules --no-print-directory

export GOTOOLCHAIN ?= local

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PACKAGE := github.com/polyclinic-os/polyclinic
LDFLAGS := -s -w -X $(PACKAGE)/kernel/boot.Version=$(VERSION)

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# The tests in which things are done at once, and the packages that have them: there the race
# detector pays. race_test.go sees to it that RACING and RACED name them all.
RACED := kernel hooks $(addprefix modules/,analytics/remote analytics/ship analytics/warehouse appointments audit audit/chain auth billing exchange inventory messaging patients records reports video)
RACING := AtOnce|Once|Many|Concurren|Race|Rush|Burst|Hundred|Thirty|OfTwo|TwoAdmins|SecondDelete|WithoutGaps|OneState|Realtime|Deliver|Lane|Outbox|Frozen|Holds|ConnectErrors|NeverDiffers|RestOfABody

# SQLite and its C library, translated to Go, are left alone by the race detector: races in there are
# not ours, and with them these tests take four times as long.
RACEFLAGS := -race '-gcflags=modernc.org/sqlite/...=-race=false' '-gcflags=modernc.org/libc/...=-race=false'

.PHONY: build sbom test fmt vet lint vuln unit race examples sdk browser bench soak fuzz docs clean

build: ## the binary, static, for this machine
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o polyclinic .

sbom: build ## what is in the binary, as a CycloneDX document
	./polyclinic version --sbom >polyclinic.cdx.json

test: fmt vet lint vuln unit race examples sdk browser ## everything that CI checks
	@echo "make test: all passed"

fmt:
	@bad=$$(gofmt -l $$(find . -name "*.go" -not -path "*/node_modules/*")); \
	if [ -n "$$bad" ]; then echo "gofmt is needed on:"; echo "$$bad"; exit 1; fi; echo "gofmt: clean"

vet:
	go vet ./...
	cd examples/laboratory && go vet ./...
	cd test/gosec && go vet ./...

lint:
	go run $(STATICCHECK) ./...
	cd examples/laboratory && go run $(STATICCHECK) ./...
	@bin=$$(mktemp); trap "rm -f $$bin" EXIT; (cd test/gosec && go build -o $$bin .); \
	$$bin -test=false ./... && echo "gosec: clean"

# Exit status 3 means vulnerabilities were found; any other failure, that the list of them
# could not be had, as on a machine without that network.
vuln:
	@out=$$(mktemp); status=0; timeout 300 go run $(GOVULNCHECK) ./... >$$out 2>&1 || status=$$?; \
	if [ $$status -eq 0 ]; then tail -n 3 $$out; \
	elif grep -q 'Your code is affected' $$out; then cat $$out; rm -f $$out; exit 1; \
	else echo "govulncheck: NOT RUN, the list of vulnerabilities could not be had:"; tail -n 3 $$out; fi; rm -f $$out

unit: ## scenario, matrix, architecture, golden, smoke and upgrade tests
	go test -timeout 30m ./...

race: ## the same, where goroutines meet, under the race detector
	@if ! command -v $$(go env CC) >/dev/null; then \
		echo "race detector: NOT RUN, it needs a C compiler"; [ "$${CI:-}" != true ]; \
	else set -x; go test $(RACEFLAGS) -timeout 30m -run '$(RACING)' $(addprefix ./,$(RACED)); fi

examples: ## the modules and scripts that show how others extend Polyclinic
	cd examples/laboratory && go test -timeout 10m ./...

sdk: build ## PocketBase's JS SDK against the real program
	@if ! command -v npm >/dev/null; then \
		echo "JS SDK: NOT RUN, it needs node 20 and npm"; [ "$${CI:-}" != true ]; \
	else set -x; cd test/sdk && npm ci --no-audit --no-fund --loglevel=error && POLYCLINIC="$(CURDIR)/polyclinic" npm test; fi

browser: build ## the dashboard's page and the API's documentation in a real browser
	@if ! command -v npm >/dev/null; then \
		echo "browser: NOT RUN, it needs node 20 and npm"; [ "$${CI:-}" != true ]; \
	else set -x; cd test/browser && npm ci --no-audit --no-fund --loglevel=error && POLYCLINIC="$(CURDIR)/polyclinic" npm test; fi

bench: ## how long things take; figures are kept in docs/measurements.md
	go test -run '^$$' -bench . -benchmem ./...

N ?= 20
CRASHES ?= 100
soak: ## the concurrency tests N times over under the race detector, and CRASHES kills under writing clients
	POLYCLINIC_CRASHES=$(CRASHES) go test -timeout 1h -run KilledWhile ./test/crash
	go test $(RACEFLAGS) -timeout 4h -count $(N) -run '$(RACING)' $(addprefix ./,$(RACED))

FUZZTIME ?= 30s
fuzz: ## each Fuzz function for FUZZTIME
	@grep -rl '^func Fuzz' --include='*_test.go' --exclude-dir=node_modules . | xargs -n1 dirname | sort -u | while read -r d; do \
	for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9]+' $$d/*_test.go | cut -c6- | sort -u); do echo "$$d $$f"; \
	go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$d || exit 1; done; done

docs: ## write docs/generated anew from what the modules declare
	UPDATE=1 go test .

clean:
	rm -rf polyclinic polyclinic.cdx.json test/sdk/node_modules test/browser/node_modules
