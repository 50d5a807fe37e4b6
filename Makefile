# Everything runs from a bare machine: Python 3 (3.9 or newer, with venv) and make. uv is installed into .tools/ and makes
# the environments from uv.lock; Python 3.13 is taken from the machine, or fetched by uv where there is none.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:

# An environment that happens to be active has no say here; without bytecode, sam would be compiled at every start.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE
export SAM_CLI_TELEMETRY := 0

STAGE ?= dev
NOTEBOOKS ?=
VERBOSE ?=
API_AUTH ?= IAM
PARAMETERS ?=
# Fixed, so that a test run is the same on every machine.
WORKERS ?= 2
UV := .tools/bin/uv
# Bytecode stays out of the source folders: sam build would take it for a change.
PYTHON := env PYTHONPYCACHEPREFIX="$(CURDIR)/.venv/bytecode" .venv/bin/python
SAM := PATH="$(CURDIR)/.venvs/sam/bin:$(CURDIR)/.tools/bin:$$PATH" sam
SERVERS := .venv/.synced .venvs/sam/.synced .venvs/ministack/.synced
FOLDER := $(if $(NOTEBOOKS),--notebooks "$(NOTEBOOKS)")
SOURCES := functions layers bench local scripts tests

.PHONY: help demo local quick test soak lint check docs build deploy bench clean

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {gsub(/ \[/, "\n                [", $$2); printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(SERVERS) ## Archive notebooks on this machine and check every byte [NOTEBOOKS=path/to/folder of .ipynb files] [VERBOSE=1]
	@exec $(PYTHON) -m local.demo $(FOLDER) $(if $(VERBOSE),--verbose)

local: $(SERVERS) ## Keep the whole system running until Ctrl-C [NOTEBOOKS=path/to/folder] [API_AUTH=ArcGIS] [PARAMETERS="Capture=true"]
	@exec $(PYTHON) -m local.system $(FOLDER) --api-auth "$(API_AUTH)" --parameters $(PARAMETERS)

quick: lint .venvs/sam/.synced ## Check format, lint and types, and run the tests that need no server: under a minute [WORKERS=2]
	$(PYTHON) -m pytest --numprocesses $(WORKERS) --ignore tests/local -m "not servers and not soak"

test: check $(SERVERS) .venvs/runtime/.synced .venvs/esri/.synced ## Run check and every test except the long sweeps [WORKERS=2: processes; 0 for one process]
	$(PYTHON) -m pytest --numprocesses $(WORKERS) --dist loadscope -m "not soak"

soak: $(SERVERS) ## Run the long sweeps [WORKERS=2: processes; 0 for one process]
	$(PYTHON) -m pytest --numprocesses $(WORKERS) --dist loadscope -m soak

lint: .venv/.synced
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy bench layers local scripts tests functions/*/app.py

check: lint .venvs/sam/.synced ## Check format, lint, types, import direction and template
	PYTHONPATH=layers/notebook_archive PYTHONDONTWRITEBYTECODE=1 .venv/bin/lint-imports
	.venv/bin/cfn-lint --include-checks I --regions eu-central-1 us-east-1 us-gov-west-1 -- template.yaml
	$(SAM) validate --lint --region us-east-1

docs: .venv/.synced ## Write the generated parts of docs/ from the code
	PYTHONPATH=layers/notebook_archive $(PYTHON) -m local.documents

build: .venvs/sam/.synced ## Build the functions and layers for AWS into .aws-sam/
	$(SAM) build --config-env $(STAGE)

deploy: build ## Build, then deploy to AWS with the settings of samconfig.toml [STAGE=dev]
	$(SAM) deploy --config-env $(STAGE)

bench: $(SERVERS) .venvs/bench/.synced ## Measure speed and memory against the naive way, as a table
	@exec $(PYTHON) -m bench

clean: ## Remove builds, caches and environments
	rm -rf .aws-sam .local .tools .venv .venvs .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# What is a link belongs to another checkout, whose work must not break under it.
OWN = @test ! -L $(1) || { echo "$(1) is a symbolic link, so it is not made anew here: do that where it leads, or remove the link." >&2; exit 1; }

# pip starts in / so that a .python-version reader on PATH does not ask for a Python that uv is about to provide.
$(UV): local/uv-requirements.txt
	$(call OWN,.tools)
	cd / && python3 -m venv --clear "$(CURDIR)/.tools"
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	@touch $@

.venv/.synced: $(UV) uv.lock pyproject.toml .python-version
	$(call OWN,.venv)
	$(UV) sync --quiet --frozen
	@touch $@

.venvs/%/.synced: $(UV) uv.lock pyproject.toml .python-version
	$(call OWN,.venvs)
	UV_PROJECT_ENVIRONMENT=.venvs/$* $(UV) sync --quiet --frozen --no-default-groups --only-group $*
	@touch $@
