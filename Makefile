# Two commands do everything: `make up` and `make test`.
# HELIO_HOME holds all state of a platform (default ~/.heliostat).
.DEFAULT_GOAL := help
BIN := .venv/bin
HELIO_CACHE ?= $(CURDIR)/.cache
export HELIO_CACHE
SOURCES := src tests benchmarks

.PHONY: help up down test test-slow lint quick bench lock docs clean kernel rebuilds
help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

up: ## install what is missing, start a platform, and log in to its first machine
	@scripts/bootstrap run
	@$(BIN)/helio up
	@$(BIN)/helio demo

down: ## stop the platform; its state stays
	@test -x $(BIN)/helio && $(BIN)/helio down || echo "Nothing was installed here, so nothing runs."

test: ## linters and the quick suite (thirteen minutes on two cores)
	@scripts/bootstrap dev
	@$(MAKE) --no-print-directory lint quick

lint:
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

quick:
	$(BIN)/pytest -m "not slow"

test-slow: ## the rest: cloud-init guests, kills, both commands from nothing
	@scripts/bootstrap dev
	$(BIN)/pytest -m slow --timeout 1500 $(SLOW)

bench: ## measure, beside peers where there are any; ONLY=api measures that alone
	@scripts/bootstrap bench
	@$(BIN)/python -m benchmarks $(ONLY)

kernel: ## build the kernel of our own (12 to 40 minutes, once)
	@scripts/bootstrap run
	@$(BIN)/helio os kernel build --repo base

rebuilds: ## build anew what the archive ships without hardening (an hour, once)
	@scripts/bootstrap run
	@$(BIN)/helio os build --all --repo base

docs: ## write the generated reference pages again
	$(BIN)/python -m heliostat.cli.reference > docs/reference/cli.md
	$(BIN)/python -m heliostat.wire.openapi > docs/reference/openapi.json
	$(BIN)/python -m heliostat.wire.reference > docs/reference/api.md
	$(BIN)/python -m heliostat.controller.metrics.reference > docs/reference/metrics.md
	$(BIN)/python -m heliostat.server.reference
	$(BIN)/python -m heliostat.os.manual

PIP_COMPILE := $(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host --strip-extras
BUILD_TOOLS := --build-deps-for wheel --build-deps-for editable
lock: ## resolve the Python packages anew
	$(BIN)/pip install -q pip-tools
	$(PIP_COMPILE) $(BUILD_TOOLS) --extra server --extra agent --extra os -o requirements/run.txt pyproject.toml
	$(PIP_COMPILE) $(BUILD_TOOLS) --all-extras -o requirements/dev.txt pyproject.toml
	$(PIP_COMPILE) -o requirements/bench-peers.txt requirements/bench-peers.in

clean: ## remove what was installed and built in this checkout
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
