SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LAB := $(BIN)/python -m tests.lab
WORKERS ?= 2

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@echo "Making the virtual environment $(VENV) (about a minute, once)"
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq python3-venv; } || { \
	  echo "Needs Python 3.11 or later with venv: apt-get install python3-venv, or make PYTHON=/path/to/python3"; exit 1; }
	@trap 'kill $$!' EXIT; while sleep 4 >/dev/null; do echo "   … $(VENV): $$SECONDS s"; done & \
	  $(PYTHON) -m venv $(VENV) && \
	  echo "   $$(grep -c == $<) packages, pinned with their hashes" && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $< && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index -e . && \
	  touch $@

.PHONY: venv
venv: $(VENV)/.ready ## Make the virtual environment, with pinned packages

.PHONY: lab
lab: $(VENV)/.ready ## Bring up a small datacentre with ExaLB in it, show the main job, and stay up (EXALB_LAB=exalb names it)
	@$(LAB) up

.PHONY: lab-reload
lab-reload: $(VENV)/.ready ## Bring a changed checkout into the running lab
	@$(LAB) reload

.PHONY: lab-shell
lab-shell: $(VENV)/.ready ## A shell with kubectl, helm, vtysh and curl of the running lab
	@$(LAB) shell

.PHONY: lab-down
lab-down: $(VENV)/.ready ## Remove every trace of the lab
	@$(LAB) down

.PHONY: check
check: $(VENV)/.ready ## Format, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: test
# What labs are made of is made before the tests, where it is seen: no test waits for so long.
test: check ## All tests, from the pure to the real (root; the lab's parts are installed or named)
	-@[ "$$(id -u)" != 0 ] || $(LAB) prepare
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --cov --cov-report term:skip-covered tests

.PHONY: quick
quick: $(VENV)/.ready ## Tests that need neither root nor network namespaces
	$(BIN)/python -m pytest tests/house tests/unit tests/laws tests/golden

.PHONY: hunt
hunt: $(VENV)/.ready ## The laws with fresh seeds, to find new counter-examples
	EXALB_LAWS=hunt $(BIN)/python -m pytest tests/laws

SEED ?= $(shell echo $$RANDOM)
STEPS ?= 300
MINUTES ?= 60

.PHONY: chaos
chaos: $(VENV)/.ready ## One random walk over three real routers (root): SEED=123 walks it again, STEPS=300
	@$(BIN)/python -m tests.chaos.routers --seed $(SEED) --steps $(STEPS)

.PHONY: soak
soak: $(VENV)/.ready ## Random walks one after the other for MINUTES=60 (root)
	@$(BIN)/python -m tests.chaos.routers --steps $(STEPS) --minutes $(MINUTES)

.PHONY: bench
bench: $(VENV)/.ready ## Measure in a lab of its own; prints a table and JSON
	@$(BIN)/python -m tests.bench.engine
	@$(BIN)/python -m tests.bench

.PHONY: format
format: $(VENV)/.ready ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: crds
crds: $(VENV)/.ready ## Write the custom resource definitions from their models
	$(BIN)/python -m exalb.crd crds charts/exalb/files/crds

.PHONY: docs
docs: $(VENV)/.ready ## Write the generated pages of docs/reference
	EXALB_GOLDEN=write $(BIN)/python -m pytest --quiet tests/house/test_docs_reference.py

.PHONY: lock
lock: ## Pin the packages of pyproject.toml with hashes (needs uv)
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 --group dev pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 --group pyproject.toml:build -o requirements/build.txt
