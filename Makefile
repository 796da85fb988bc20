# Galago: `make run` builds everything that is needed and opens the window, `make test` runs every test.
# Everything that is built lies under build/.

include scripts/versions.env

SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := build/bin
VERSION := $(shell sed -n 's/^ *Version *= *"\(.*\)"/\1/p' FyneApp.toml 2>/dev/null)
LDFLAGS := -X main.version=$(VERSION)
# libffi and llama.cpp's libraries travel beside the engine, in lib: it finds them by its RUNPATH.
ENGINE_LDFLAGS := $(LDFLAGS) -r $$ORIGIN/lib
GO ?= go

# NVML's header warns about its own old functions, at length: show the compiler's words only when it fails.
quietly = $(1) 2>build/go.log || { cat build/go.log; exit 1; }

.PHONY: help run build test test-models lint e2e bench bench-inner bench-compare soak engine-cuda windows release packages test-windows test-packages bench-footprint screenshots demo-model demo-eval clean deps llama demo

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build what is needed and open the window
	@$(BIN)/galago $(ARGS)

build: deps llama demo ## build both programs and llama.cpp's libraries into build/bin
	@$(call quietly,$(GO) build -ldflags '$(ENGINE_LDFLAGS)' -o $(BIN)/galago-engine ./inference/galago-engine)
	@$(call quietly,$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/galago .)

deps:
	@scripts/deps.sh build

llama: deps
	@scripts/build-llama.sh

# The built-in model goes beside the programs. Never written in place: a running engine has the files mapped.
demo:
	@mkdir -p $(BIN)/demo
	@for f in assets/demo/*.gguf assets/demo/manifest.json; do \
		to=$(BIN)/demo/$${f##*/}; cmp -s $$f $$to || { cp $$f $$to.new && mv $$to.new $$to; }; done

windows: ## cross-build both programs and llama.cpp for Windows into build/windows/bin
	@scripts/deps.sh windows
	@scripts/build-llama.sh windows
	@scripts/build-programs.sh windows

release: ## build for any Linux with an old C library, as it is packed, into build/release/bin
	@scripts/deps.sh packages
	@scripts/build-llama.sh release
	@scripts/build-programs.sh release

packages: release windows ## make the packages for Linux and Windows in build/packages
	@scripts/packages.sh

test-windows: windows ## test the Windows programs under Wine
	@scripts/test-windows.sh

test-packages: packages ## install, use and remove each package where nothing else is
	@scripts/test-packages.sh

bench-footprint: build ## start, memory, idle load and package sizes, into docs/benchmarks.md
	@scripts/deps.sh test
	@scripts/bench-footprint.sh

test: ## build, then run every test: units, race detector, a real window
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory build
	@scripts/test.sh

test-models: build ## answers of a real model (fetched once, 240 MB) and of every family of projectors
	@scripts/test-models.sh

lint: ## formatting, vet, staticcheck and, where its database can be reached, govulncheck
	@scripts/lint.sh

e2e: build ## only the tests in a real window; pictures of it go to build/e2e
	@scripts/deps.sh test
	@GALAGO_E2E=1 $(GO) test -count=1 -v ./e2e/...

bench: build ## measure speed beside llama-server and llama-mtmd-cli, into docs/benchmarks.md (20 minutes)
	@scripts/bench.sh $(BENCH)

bench-inner: ## benchmarks of the inner parts
	@$(GO) test -run '^$$' -bench . -benchmem ./inference/... ./app/... ./ui/...

soak: build ## use it at random for 20 minutes and watch answers, memory and leftovers, into build/soak: make soak [MINUTES=n] [SEED=n]
	@scripts/deps.sh test
	@MINUTES="$(MINUTES)" SEED="$(SEED)" scripts/soak.sh

bench-compare: ## benchmarks of the inner parts at two commits: make bench-compare OLD=HEAD~1 [NEW=HEAD]
	@scripts/bench-compare.sh $(OLD) $(NEW)

screenshots: build ## photograph the window into docs/screenshots, light and dark, small and large, in several languages
	@scripts/deps.sh test
	@$(call quietly,$(GO) build -tags uidemo -o build/uidemo ./ui/internal/uidemo)
	@$(GO) run ./scripts/gallery $(BIN) build/uidemo docs/screenshots

demo-model: ## train the built-in model again (Python and PyTorch; hours without a GPU)
	@$(MAKE) --no-print-directory -C assets/demo model

demo-eval: build ## measure the built-in model through the engine on pictures that it never saw
	@scripts/demo-eval.sh

engine-cuda: ## build a CUDA engine from source where nvcc is, into build/engine-cuda and an archive
	@scripts/engine-cuda.sh

clean: ## remove build/
	@rm -rf build
