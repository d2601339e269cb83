# Everything here needs only Go, make and git. `make` lists the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO        ?= go
TESTFLAGS ?= -shuffle=on -timeout=30m
# Packages in which goroutines share something, and which are quick enough for CI.
RACEPKGS  ?= ./internal/apply ./internal/daemon ./internal/index ./internal/installed ./internal/lockfile ./internal/resolve \
	./internal/safefs/... ./internal/source/dir ./internal/source/memrepo ./internal/st2/... ./internal/transport ./internal/tree \
	./internal/view ./internal/watch
FUZZTIME  ?= 10s
# make bench: a folder of real bare repositories (none: only synthetic ones), counted
# pairs of runs, and to measure less: some sets, some rows.
BENCH_REMOTES ?=
BENCH_PAIRS   ?= 7
BENCH_SETS    ?= 25,real,200,1000,growth
BENCH_ROWS    ?=
# make bench-go: the revision to compare with, rounds, time of each benchmark, which.
BASE        ?= HEAD~1
BENCH_COUNT ?= 6
BENCH_TIME  ?= 0.3s
BENCH       ?= .
RELIABILITY := Stop|Fail|Crash|Damage|Intent|Registration|Race|Mutants|Readers|Cancel|Signal|SystemCall|Durable|Unreadable|Unlistable|Declaration|SameAgain|Sweep|Refused|Enough|KillLoop|Lock|Full|ReadOnly
SOAKTIME  ?= 30m
# A folder of git repositories of packs, with their tags.
PACKS     ?= ../.mirror
LINT      := $(GO) tool -modfile=tools/go.mod golangci-lint

.PHONY: help build test race check lint fmt bench bench-go upgrades fuzz soak reliability demo docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/packsync, static and reproducible; the version comes from git
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -o bin/packsync ./cmd/packsync

test: ## run all tests
	$(GO) test $(TESTFLAGS) ./...

race: ## run RACEPKGS (./... for all) under the race detector (needs a C compiler)
	$(GO) test -race $(TESTFLAGS) $(RACEPKGS)

check: lint ## format, vet, lint, tidy modules, current generated docs
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) run ./internal/docgen -check

lint: ## run the linters pinned in tools/go.mod (the first run builds them)
	$(LINT) run ./...

fmt: ## format the code
	$(LINT) fmt ./...

bench: build ## measure bin/packsync beside its peers, in under 15 minutes (docs/performance.md)
	@$(GO) build -o bin/bench ./internal/bench
	@bin/bench -packsync bin/packsync -remotes '$(BENCH_REMOTES)' -pairs '$(BENCH_PAIRS)' -sets '$(BENCH_SETS)' -rows '$(BENCH_ROWS)'

bench-go: ## compare the Go benchmarks of the inner loops with those of BASE
	@GO='$(GO)' tools/bench-go.sh '$(BASE)' '$(BENCH_COUNT)' '$(BENCH_TIME)' '$(BENCH)'

upgrades: ## review all releases of the packs in PACKS, one after the other, and print figures
	PACKSYNC_PACKS=$(abspath $(PACKS)) $(GO) test -count=1 -v -run '^TestUpgrades$$' ./internal/review

fuzz: ## run each fuzz target for FUZZTIME
	@$(GO) list ./... | while read -r pkg; do \
		for target in $$($(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
		done; \
	done

soak: ## run watch through mistakes, outages and kills for SOAKTIME
	PACKSYNC_SOAK=$(SOAKTIME) $(GO) test -count=1 -timeout 0 -v -run '^TestSoak$$' ./cmd/packsync

reliability: ## crash and fail packsync for an hour or so, and print figures (docs/reliability.md)
	@mkdir -p bin
	@PACKSYNC_TEST_LONG=1 $(GO) test -count=1 -timeout 6h -v -run '$(RELIABILITY)' \
		./internal/apply ./internal/state ./internal/safefs ./internal/reconcile ./cmd/packsync >bin/reliability.log 2>&1; \
		status=$$?; grep -E 'figures:|^(---|ok|FAIL)|_test\.go:.*(:|lost|missing)' bin/reliability.log; exit $$status

demo: build ## watch bin/packsync work against git servers and a StackStorm double on this machine
	$(GO) run ./internal/demo -packsync bin/packsync

docs: ## write docs/cli.md and man/packsync.1 from the command tree
	$(GO) run ./internal/docgen

clean: ## remove what was built
	rm -rf bin
