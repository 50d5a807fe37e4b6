# A machine needs only make and Python 3 (3.9 or newer, with venv). This Makefile installs uv into .tools/, and uv
# creates the environments from uv.lock. If the machine has no Python 3.13, uv downloads it.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:

# The first three variables of an active environment must not change which Python runs here. Without the bytecode that
# PYTHONDONTWRITEBYTECODE prevents, Python would compile sam at every start.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE
export SAM_CLI_TELEMETRY := 0

STAGE ?= dev
NOTEBOOKS ?=
VERBOSE ?=
API_AUTH ?= IAM
PARAMETERS ?=
YES ?=
# A fixed number, so that a test run is the same on every machine. Three processes keep two cores busy, because tests of
# deployed systems wait often.
WORKERS ?= 3
UV := .tools/bin/uv
# Only Python itself comes from GitHub, if the machine has no Python 3.13.
SOURCES_OF_UV := PyPI or GitHub
# Bytecode is not written to the source folders, because `sam build` would treat it as a change. Processes of the other
# environments inherit the variable.
PYTHON := env PYTHONPYCACHEPREFIX="$(CURDIR)/.venv/bytecode" .venv/bin/python
SAM := PATH="$(CURDIR)/.venvs/sam/bin:$(CURDIR)/.tools/bin:$$PATH" sam
SERVERS := .venv/.synced .venvs/sam/.synced .venvs/ministack/.synced
FOLDER := $(if $(NOTEBOOKS),--notebooks "$(NOTEBOOKS)")
SOURCES := functions layers bench cli delivery local tests

.PHONY: help demo local quick test soak lint check check-imports check-template docs build deploy release bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {gsub(/ \[/, "\n                [", $$2); printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(SERVERS) ## Archive notebooks on this machine and check every byte [NOTEBOOKS=folder with .ipynb files] [VERBOSE=1]
	@exec $(PYTHON) -m local.demo $(FOLDER) $(if $(VERBOSE),--verbose)

local: $(SERVERS) ## Run the whole system on this machine until Ctrl-C [NOTEBOOKS=folder with .ipynb files] [API_AUTH=ArcGIS] [PARAMETERS="Capture=true"]
	@exec $(PYTHON) -m local.system $(FOLDER) --api-auth "$(API_AUTH)" --parameters $(PARAMETERS)

quick: lint .venvs/sam/.synced ## Check format, lint and types, and run the tests without servers [WORKERS=3]
	$(PYTHON) -m pytest --numprocesses $(WORKERS) --ignore tests/local -m "not servers and not soak"

test: check $(SERVERS) .venvs/runtime/.synced .venvs/esri/.synced .venvs/seaweedfs/.synced ## Run `make check` and all tests except the soak tests [WORKERS=3: parallel processes; 0 for none]
	$(PYTHON) -m pytest --numprocesses $(WORKERS) --dist loadscope -m "not soak"

soak: $(SERVERS) .venvs/nbdime/.synced .venvs/seaweedfs/.synced ## Run only the soak tests, which take long [WORKERS=3: parallel processes; 0 for none]
	$(PYTHON) -m pytest --numprocesses $(WORKERS) --dist loadscope -m soak

lint: .venv/.synced
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy bench cli delivery layers local tests functions/*/app.py

# The checks run at the same time, because each of them uses only one core.
check: .venv/.synced .venvs/sam/.synced ## Check format, lint, types, import rules and the template
	@$(MAKE) --jobs 2 lint check-imports check-template

check-imports: .venv/.synced
	PYTHONPATH=layers/notebook_archive:cli PYTHONDONTWRITEBYTECODE=1 .venv/bin/lint-imports

check-template: .venv/.synced .venvs/sam/.synced
	.venv/bin/cfn-lint --include-checks I --regions eu-central-1 us-east-1 us-gov-west-1 -- template.yaml
	$(SAM) validate --lint --region us-east-1

docs: .venv/.synced ## Update the generated parts of docs/ from the code
	PYTHONPATH=layers/notebook_archive $(PYTHON) -m local.documents

build: .venvs/sam/.synced ## Build the functions and layers for AWS into .aws-sam/
	$(SAM) build --config-env $(STAGE)

deploy: .venv/.synced .venvs/sam/.synced ## List what changes, ask, build, and deploy to AWS [STAGE=dev: a stage in samconfig.toml] [YES=1: ask nothing]
	@exec $(PYTHON) -m delivery.deploy --stage "$(STAGE)" $(if $(YES),--yes)

release: .venv/.synced .venvs/sam/.synced ## Build the release of the tag that is checked out, twice, and compare
	@exec $(PYTHON) -m delivery.release

bench: .venv/.synced .venvs/sam/.synced .venvs/bench/.synced ## Measure speed and memory, and write the tables of docs/performance.md
	@exec $(PYTHON) -m bench

clean: ## Remove builds, caches and environments
	rm -rf .aws-sam .local .tools .venv .venvs .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# A symbolic link leads to the environment of another checkout, which must not be changed from here.
OWN = @test ! -L $(1) || { echo "$(1) is a symbolic link, so make does not update it here. Run make in the checkout that it leads to, or remove the link." >&2; exit 1; }

# Without a network, pip and uv report only that a package was not found.
DOWNLOADED = || { echo "This step downloads from $(1), and failed. Check that this machine can reach it, directly or through the proxy in HTTPS_PROXY." >&2; exit 1; }

# `python3 -m venv` runs in / because here, a version manager such as pyenv would read .python-version and ask for a
# Python 3.13 that uv has not installed yet.
$(UV): local/uv-requirements.txt
	$(call OWN,.tools)
	cd / && python3 -m venv --clear "$(CURDIR)/.tools"
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $< $(call DOWNLOADED,PyPI)
	@touch $@

# uv puts the command `notebook-archive` into .venv/bin. It does not write bytecode to the source folders either.
.venv/.synced: $(UV) uv.lock pyproject.toml .python-version
	$(call OWN,.venv)
	$(UV) sync --quiet --frozen $(call DOWNLOADED,$(SOURCES_OF_UV))
	@echo 'import sys; sys.pycache_prefix = sys.prefix + "/bytecode"' > .venv/lib/python3.13/site-packages/bytecode.pth
	@touch $@

.venvs/%/.synced: $(UV) uv.lock pyproject.toml .python-version
	$(call OWN,.venvs)
	UV_PROJECT_ENVIRONMENT=.venvs/$* $(UV) sync --quiet --frozen --no-default-groups --only-group $* $(call DOWNLOADED,$(SOURCES_OF_UV))
	@touch $@
