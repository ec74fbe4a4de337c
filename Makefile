# Tuoqi 托起. `make` alone explains itself.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := proto libs/kit services/registry services/payments services/visits services/alerts cli benchmarks
STAMP := $(VENV)/.installed

.PHONY: help
help: ## this text
	@echo "Tuoqi 托起 — 'make up' starts everything and runs a month of a county; 'make test' runs all checks."
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s'|'

$(VENV)/bin/uv:
	$(PY) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PY) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

$(STAMP): requirements.lock $(MEMBERS:%=%/pyproject.toml) $(wildcard proto/tuoqi/*/v1/*.proto proto/tuoqi/*/v1/topics.yaml) proto/build_contracts.py | $(VENV)/bin/uv
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $(STAMP)

.PHONY: install
install: $(STAMP) ## the virtual environment with every member, from the lock file

.PHONY: lock
lock: | $(VENV)/bin/uv ## solve the dependencies anew and write requirements.lock
	$(BIN)/uv lock --quiet
	$(BIN)/uv export --quiet --all-packages --all-groups --all-extras --no-emit-workspace --no-header -o requirements.lock
