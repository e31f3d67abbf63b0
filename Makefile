# `make run` and `make test` need Python 3.11 or newer, make and git; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# A worker takes whole files, in their order: the long ones are not the last.
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
READY := $(VENV)/.ready

.PHONY: run run-alone packages test test-slow test-lowest test-canvit lint types check clean lock audit docs screenshots site benchmark-scenes benchmark-voc2007 benchmark-scratch benchmark-field metrics-table tools-table reliability

# Refuse a Python older than 3.N.
needed = @$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, $(1)) and "Python 3.$(1) or newer is needed; name one: make PYTHON=python3.12 ...")'

# Of two at once in one folder the second waits.
ALONE := $(PYTHON) stages/_alone.py

run: $(READY)  ## Set up, then run the whole pipeline on the embedded data.
	@$(ALONE) .run.lock $(MAKE) --no-print-directory run-alone

run-alone:
	@$(BIN)/python -m stages._unlock
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro
	@# DVC knows nothing of the store of models, which a clone lacks and a user may remove.
	$(BIN)/python -m stages.register data/train data/evaluate data/register --if-lost

test: $(READY)  ## Set up, then run the tests.
	$(PYTEST)

test-slow: $(READY)  ## The minutes-long tests too, and 25 times the examples of properties.
	OBJLOC_EXAMPLES=500 $(PYTEST) -m "slow or not slow"

LOWEST := .venv-lowest
test-lowest:  ## Run the quick tests with the lowest version of each package that pyproject.toml allows.
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --editable ".[dev]"
	$(LOWEST)/bin/python -m pytest --numprocesses $(WORKERS) $(addprefix tests/,data evaluation gym mdp network params search serving tracking)

CANVIT := .venv-canvit
test-canvit:  ## Run the tests of CanViT's encoder, which needs Python 3.12: PYTHON=python3.12.
	$(call needed,12)
	$(PYTHON) -m venv $(CANVIT)
	$(CANVIT)/bin/python -m pip install --quiet --editable ".[canvit,dev]"
	@# Without the package the tests would be skipped.
	$(CANVIT)/bin/python -c 'import canvit_pytorch'
	$(CANVIT)/bin/python -m pytest tests/network/backbones tests/stages/test_canvit.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

check: lint types test

LOCKS := requirements.lock requirements-build.lock requirements-torch.lock requirements-torch-cpu.lock
ifdef ALONE_HERE
$(READY): $(LOCKS) pyproject.toml
	@$(MAKE) --no-print-directory packages
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(READY)
else
$(READY): $(LOCKS) pyproject.toml
	@$(ALONE) .venv.lock $(MAKE) --no-print-directory ALONE_HERE=1 $(READY)
endif

INSTALL := $(BIN)/python -m pip install --quiet --require-hashes --no-deps
packages:  # all but the project itself
	$(call needed,11)
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --requirement requirements-build.lock
	@# PyTorch's build for CPUs if pip finds it; else PyPI's, with CUDA's libraries on Linux.
	$(INSTALL) --requirement requirements-torch-cpu.lock 2> /dev/null || $(INSTALL) --requirement requirements-torch.lock
	$(INSTALL) --no-build-isolation --requirement requirements.lock

lock:  ## Write the locked packages anew from the ranges in pyproject.toml; UPGRADE="--upgrade-package NAME" or --upgrade.
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/python -m benchmarks.lock .venv-lock/bin/uv $(UPGRADE)

audit:  ## Look the locked packages up in the database of known vulnerabilities; needs a network.
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet pip-audit
	$(PYTHON) -m benchmarks.audit .venv-audit/bin/pip-audit

docs: $(READY)  ## Write pictures and tables of README and docs from the last run's files.
	mkdir -p docs/images
	cp data/animate/scenes_300136_cow.webp docs/images/search.webp
	cp data/animate/contact_sheet.png docs/images/searches.png
	$(BIN)/python -m benchmarks.tables
	$(BIN)/python -m benchmarks.figures

site: $(READY)  ## Build the documentation's site in site/; nothing is fetched.
	NO_MKDOCS_2_WARNING=true $(BIN)/python -m mkdocs build --strict

screenshots: $(READY)  ## Take the pictures of explorer and app anew; needs Chromium and its driver.
	$(BIN)/python -m benchmarks.screenshots

SEEDS ?= 0,1,2
NETWORKS ?= 2
benchmark-scenes: $(READY)  ## Train and measure the default agent with several seeds, on the shards of `make run`; SEEDS=0,1,2.
	$(BIN)/python -m benchmarks.scenes_seeds --seeds "$(SEEDS)"

benchmark-voc2007: $(READY)  ## Train and measure the pretrained agents on VOC2007; MIRROR=folder of archives, SEEDS=0,1,2, NETWORKS=1|2|3.
	$(BIN)/python -m benchmarks.voc2007 --mirror "$(or $(MIRROR),null)" --seeds "$(SEEDS)" --networks $(NETWORKS)

benchmark-scratch: $(READY)  ## Train and measure the agent from scratch on VOC, three seeds; MIRROR=folder of archives.
	$(BIN)/python -m benchmarks.scratch --mirror "$(or $(MIRROR),null)"

AGENTS ?= caicedo2015,bellver2016,bellver2016_crops,treerl2016,dqn2018,pretrained
benchmark-field: $(READY)  ## Train and measure the field's agents on VOC2007; MIRROR, SEEDS, AGENTS, FIELD="--updates 500 --images 1000".
	$(BIN)/python -m benchmarks.field --mirror "$(or $(MIRROR),null)" --seeds "$(SEEDS)" --agents "$(AGENTS)" $(FIELD)
	$(BIN)/python -m benchmarks.field_tables
	$(BIN)/python -m benchmarks.tables

metrics-table: $(READY)  ## Measure the last run's detections by other packages; fetches them.
	$(BIN)/python -m benchmarks.metric_tools
	$(BIN)/python -m benchmarks.tables

TOOLS ?= .tools
tools-table: $(READY)  ## Run annotation tools, each in an environment below TOOLS; needs PyPI and 10 GB.
	$(BIN)/python -m benchmarks.annotation_tools --environments $(TOOLS)
	$(BIN)/python -m benchmarks.tables

reliability: $(READY)  ## Inject faults and write how many were withstood; PARTS="fuzz damage" runs these alone.
	$(BIN)/python -m benchmarks.reliability $(PARTS)
	$(BIN)/python -m benchmarks.tables

clean:
	rm -rf $(VENV) $(LOWEST) $(CANVIT) .venv-lock .venv-audit
