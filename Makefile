SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LAB := $(BIN)/python -m tests.lab
WORKERS ?= 3
ifdef KUBERNETES
export EXALB_LAB_KUBERNETES := $(KUBERNETES)
endif

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@echo "Making the virtual environment $(VENV) (about a minute, once)"
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq python3-venv; } || { \
	  echo "Needs Python 3.11 or later with venv: apt-get install python3-venv, or make PYTHON=/path/to/python3"; exit 1; }
	@trap 'kill $$!' EXIT; while sleep 4 >/dev/null; do echo "   … $(VENV): $$SECONDS s"; done & \
	  $(PYTHON) -m venv $(VENV) && \
	  echo "   $$(grep -c == $<) packages, pinned with their hashes" && \
	  { $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r $< || { \
	    echo "The packages of $< are not all installed. pip fetches them from its package index: $(BIN)/pip config list"; \
	    echo "If that is out of reach, run the same command again later: it continues where this one ended."; exit 1; }; } && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e . && \
	  $(BIN)/pip check --disable-pip-version-check && \
	  touch $@

.PHONY: venv
venv: $(VENV)/.ready ## Make the virtual environment, with pinned packages

.PHONY: lab
lab: $(VENV)/.ready ## Bring up a small datacenter with ExaLB in it, show the main job, and stay up (MODE=l2: no router; KUBERNETES=1.34: an older one; EXALB_LAB=exalb names it)
	@$(LAB) up $(if $(MODE),--mode '$(MODE)')

.PHONY: lab-reload
lab-reload: $(VENV)/.ready ## Bring a changed checkout into the running lab
	@$(LAB) reload

PART ?= controller

.PHONY: lab-debug
lab-debug: $(VENV)/.ready ## Restart a program of the lab under debugpy and open a port to it: PART=controller or speaker, NODE=n1
	@$(LAB) debug --part '$(PART)' $(if $(NODE),--node '$(NODE)')

.PHONY: lab-web
lab-web: $(VENV)/.ready ## The web page of `kubectl exalb web` about the lab, on this machine, until Ctrl-C (PAGE=controller: that of the controller)
	@$(LAB) web $(if $(PAGE),--page '$(PAGE)')

.PHONY: lab-shell
lab-shell: $(VENV)/.ready ## A shell with kubectl, helm, vtysh and curl of the running lab
	@$(LAB) shell

.PHONY: lab-down
lab-down: $(VENV)/.ready ## Remove every trace of the lab
	@$(LAB) down

.PHONY: check
check: $(VENV)/.ready ## Format, lint, spelling, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports

NODE ?=

.PHONY: dev
dev: $(VENV)/.ready ## Controller and one speaker on the cluster of the kubeconfig, with no root and no BGP; NODE=name of the speaker
	@$(BIN)/python -m tests.dev $(if $(NODE),--node-name '$(NODE)')

T ?=
K ?=
PURE := tests/unit tests/laws tests/golden
REAL := $(filter-out $(PURE) tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/)))
# Tests that wait for something wait less where idle processors do not sleep.
AWAKE := $(BIN)/python -m tests.support.awake
# xdist does not end after it has replaced a worker that died, so none is replaced.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --max-worker-restart 0 --dist loadgroup -m 'not release' --cov

.PHONY: test
# What labs are made of is made before the tests, where it is seen: no test waits for so long.
ifeq ($(T)$(K),)
test: check ## Tests from the pure to the real (root; the lab's parts are installed or named); T=path K=expression: only those
	$(PYTEST) --cov-report= $(PURE)
	$(BIN)/coverage report --rcfile=tests/floor.toml
	-@[ "$$(id -u)" != 0 ] || $(LAB) prepare
	$(AWAKE) $(PYTEST) --cov-append --cov-report term:skip-covered $(REAL)
else
test: $(VENV)/.ready
	$(BIN)/python -m pytest $(or $(T),tests) $(if $(K),-k '$(K)')
endif

.PHONY: test-release
test-release: check ## The tests of make test, the long ones, and test-older (root): before a release
	-@[ "$$(id -u)" != 0 ] || $(LAB) prepare
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests
	$(MAKE) --no-print-directory test-older

OLDER := 1.34

.PHONY: test-older
test-older: $(VENV)/.ready ## The tests on the API server and the life of a release, on an older version of Kubernetes (root)
	-@[ "$$(id -u)" != 0 ] || EXALB_LAB_KUBERNETES=$(OLDER) $(LAB) prepare
	EXALB_LAB_KUBERNETES=$(OLDER) $(BIN)/python -m pytest -n $(WORKERS) --max-worker-restart 0 --dist loadgroup \
	  tests/cluster tests/stories/test_lifecycle.py

.PHONY: unit
unit: $(VENV)/.ready ## Tests of pure functions, which start no process
	$(BIN)/python -m pytest tests/unit

.PHONY: quick
quick: $(VENV)/.ready ## Tests that need neither root nor network namespaces
	$(BIN)/python -m pytest tests/house tests/unit tests/laws tests/golden tests/commands tests/exabgp

.PHONY: hunt
hunt: $(VENV)/.ready ## The laws with fresh seeds, to find new counter-examples
	EXALB_LAWS=hunt $(BIN)/python -m pytest tests/laws

.PHONY: mutate
mutate: $(VENV)/.ready ## Change the code that decides, one place at a time; a test must fail each time (an hour); S=allocation
	$(BIN)/python -m tests.mutation $(S)

OBJECTS ?= 2000

.PHONY: hostile
hostile: $(VENV)/.ready ## Hostile routes against a real ExaBGP: OBJECTS=2000 of them, and every session stays up
	EXALB_HOSTILE=$(OBJECTS) $(BIN)/python -m pytest --timeout 7200 tests/exabgp/test_hostile.py

SEED ?= $(shell echo $$RANDOM)
STEPS ?= 300
WALK ?= routers
MINUTES ?= 60

.PHONY: chaos
chaos: $(VENV)/.ready ## One random walk over three real routers, or with WALK=lan over L2 nodes (root): SEED=123 walks it again, STEPS=300
	@$(BIN)/python -m tests.chaos.$(WALK) --seed $(SEED) --steps $(STEPS)

.PHONY: soak
soak: $(VENV)/.ready ## Random walks one after the other for MINUTES=60, WALK=routers or lan (root)
	@$(BIN)/python -m tests.chaos.$(WALK) --steps $(STEPS) --minutes $(MINUTES)

.PHONY: bfd-soak
bfd-soak: $(VENV)/.ready ## BFD with real routers while busy loops have all processors, for MINUTES=60 (root); counts false alarms
	@$(BIN)/python -m tests.chaos.bfd_soak --minutes $(MINUTES)

.PHONY: outage
outage: $(VENV)/.ready ## The API server away for MINUTES=60 while programs, routers and a node fail (root); counts requests
	EXALB_OUTAGE=$(MINUTES) $(BIN)/python -m pytest -v tests/stories/test_api_outage.py

.PHONY: bfd-cost
bfd-cost: $(VENV)/.ready ## Processor time and memory of the BFD process with 1, 10 and 50 sessions (root, five minutes)
	@$(BIN)/python -m tests.bench.bfd

.PHONY: hitless
hitless: $(VENV)/.ready ## Measure what events such as drains, upgrades and a power-off cost, and write docs/hitless.md (root, half an hour)
	@$(BIN)/python -m tests.hitless

MEASURE := $(AWAKE) $(BIN)/python -m

.PHONY: bench
bench: $(VENV)/.ready ## Measure in a lab of its own; prints a table and JSON
	@$(MEASURE) tests.bench.pure
	@$(MEASURE) tests.bench.engine
	@$(MEASURE) tests.bench

.PHONY: trace
trace: $(VENV)/.ready ## One Service event and one endpoint event, stage by stage in µs; OTHERS='1000 10000' Services beside it
	@$(MEASURE) tests.bench.trace $(if $(OTHERS),--others $(OTHERS))

.PHONY: fleet
fleet: $(VENV)/.ready ## The load of 10, 100 and 500 speakers on one API server (root, half an hour)
	@$(MEASURE) tests.bench.fleet

RUN := .bench
NOTE ?=
# The page keeps the rows of a part that failed, so no figures of an earlier run may be there.
measured = rm -f $(RUN)/$(1).json; $(MEASURE) $(2) --json $(RUN)/$(1).json || status=1;

.PHONY: performance
performance: $(VENV)/.ready ## Measure everything and write docs/performance.md (root, an hour); NOTE='what else ran on the machine'
	@mkdir -p $(RUN)
	@status=0; \
	  $(call measured,engine,tests.bench.engine) $(call measured,trace,tests.bench.trace) \
	  $(call measured,growth,tests.bench.growth) $(call measured,cluster,tests.bench) \
	  $(call measured,crowd,tests.bench.crowd) $(call measured,fleet,tests.bench.fleet) \
	  $(BIN)/python -m tests.bench.page $(RUN) $(if $(NOTE),--note '$(NOTE)') || status=1; exit $$status

.PHONY: format
format: $(VENV)/.ready ## Format, and correct what can be corrected
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: crds
crds: $(VENV)/.ready ## Write the custom resource definitions from their models
	$(BIN)/python -m exalb.api.crd crds charts/exalb/files/crds

HELM ?= helm
IMAGE ?= exalb:0.1.0
MANIFESTS ?= dist/manifests

.PHONY: manifests
manifests: ## Write one file for `kubectl apply` and a kustomize base, made from the chart (needs helm; IMAGE=REGISTRY/exalb:TAG)
	@mkdir -p $(MANIFESTS)
	@printf 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: exalb-system\n' > $(MANIFESTS)/exalb.yaml.new
	@$(HELM) template exalb charts/exalb --namespace exalb-system --skip-tests \
	  --set image.repository=$(shell echo '$(IMAGE)' | sed 's/:[^:/]*$$//') --set image.tag=$(shell echo '$(IMAGE)' | sed 's/.*://') \
	  > $(MANIFESTS)/helm.new
	@sed -e '/^ *helm.sh\/chart: /d' -e '/^ *app.kubernetes.io\/managed-by: Helm$$/d' -e '/^# Source: /d' $(MANIFESTS)/helm.new \
	  >> $(MANIFESTS)/exalb.yaml.new
	@rm $(MANIFESTS)/helm.new && mv $(MANIFESTS)/exalb.yaml.new $(MANIFESTS)/exalb.yaml
	@printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [exalb.yaml]\n' > $(MANIFESTS)/kustomization.yaml
	@echo "$(MANIFESTS)/exalb.yaml and $(MANIFESTS)/kustomization.yaml"

RELEASE := dist/release
VERSION ?= $(shell sed -n 's/^version: //p' charts/exalb/Chart.yaml)

.PHONY: release-version
release-version: ## Fail unless VERSION is the version of the package, the chart and its image
	@grep -qx 'version = "$(VERSION)"' pyproject.toml || { echo "pyproject.toml: version is not $(VERSION)"; exit 1; }
	@grep -qx 'version: $(VERSION)' charts/exalb/Chart.yaml || { echo "Chart.yaml: version is not $(VERSION)"; exit 1; }
	@grep -qx 'appVersion: $(VERSION)' charts/exalb/Chart.yaml || { echo "Chart.yaml: appVersion is not $(VERSION)"; exit 1; }

.PHONY: release-files
release-files: $(VENV)/.ready release-version ## Write wheel, chart, manifests, notes and checksums of a release (needs helm)
	@rm -rf $(RELEASE) && mkdir -p $(RELEASE)/wheel
	@SOURCE_DATE_EPOCH=0 $(BIN)/hatchling build --target wheel --directory $(RELEASE)/wheel
	@cp -r charts/exalb $(RELEASE)/exalb && sed -i 's|registry\.example/exalb:.*|$(IMAGE)|' $(RELEASE)/exalb/Chart.yaml
	@$(HELM) package $(RELEASE)/exalb --destination $(RELEASE) && rm -r $(RELEASE)/exalb
	@$(MAKE) --no-print-directory manifests MANIFESTS=$(RELEASE)/manifests && mv $(RELEASE)/manifests/exalb.yaml $(RELEASE)/
	@rm -r $(RELEASE)/manifests
	@awk '/^## /{n++} n==1' CHANGELOG.md > $(RELEASE)/notes.md
	@cd $(RELEASE) && sha256sum *.tgz exalb.yaml wheel/*.whl > SHA256SUMS && cat SHA256SUMS

.PHONY: release-dry
release-dry: release-files ## Make a release, its image and chart in a registry that is a directory (root, helm)
	$(BIN)/python -m tests.lab.release $(RELEASE) $(VERSION) $(HELM)

.PHONY: docs
docs: $(VENV)/.ready ## Write the generated parts of the documents
	EXALB_GOLDEN=write $(BIN)/python -m pytest --quiet tests/house/test_docs_generated.py

SITE := .site
SITE_BIN := $(SITE)/venv/bin

$(SITE)/venv/.ready: requirements/site.txt
	@$(PYTHON) -m venv $(SITE)/venv && \
	  $(SITE_BIN)/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r $< && \
	  touch $@

# Pages that people seldom look for: the search shows them after all others.
LAST := CHANGELOG.md ARCHITECTURE.md CONTRIBUTING.md bgp/README.md tests/lab/README.md docs/decisions/*.md

.PHONY: site
site: $(SITE)/venv/.ready ## Make the documents a site in .site/html; a broken link is an error
	@rm -rf $(SITE)/pages && mkdir -p $(SITE)/pages
	@git ls-files --cached --others --exclude-standard '*.md' 'docs/pictures/*' LICENSE | tar --create --files-from - | tar --extract --directory $(SITE)/pages
	@cd $(SITE)/pages && sed -i '1i ---\nsearch: {boost: 0.0001}\n---\n' $(LAST)
	@NO_MKDOCS_2_WARNING=1 $(SITE_BIN)/mkdocs build --strict
	@echo "The site is in $(SITE)/html"

.PHONY: lock
lock: ## Pin the packages of pyproject.toml with hashes (needs uv)
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 --group dev pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 --group pyproject.toml:build -o requirements/build.txt
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 --group pyproject.toml:site -o requirements/site.txt
