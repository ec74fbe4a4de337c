# Tuoqi 托起. `make` alone explains itself.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := proto libs/kit services/registry services/payments services/visits services/alerts cli benchmarks
STAMP := $(VENV)/.installed
# Compiled once, not at every start: the platform starts a dozen interpreters.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## this text
	@echo "Tuoqi 托起 — 'make up' starts everything and runs a month of a county; 'make test' runs all checks."
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s'|'

$(VENV)/bin/uv:
	$(PY) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PY) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

$(STAMP): requirements.lock $(MEMBERS:%=%/pyproject.toml) $(wildcard proto/tuoqi/*/v1/*.proto proto/tuoqi/*/v1/topics.yaml) proto/build_contracts.py | $(VENV)/bin/uv
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $(STAMP)

.PHONY: install
install: $(STAMP) ## the virtual environment with every member, from the lock file

.PHONY: lock
lock: | $(VENV)/bin/uv ## solve the dependencies anew and write requirements.lock
	$(BIN)/uv lock --quiet
	$(BIN)/uv export --quiet --all-packages --all-groups --all-extras --no-emit-workspace --no-header -o requirements.lock

# ---- the local platform -------------------------------------------------------------------------------------------

.PHONY: up down logs reset status
up: $(STAMP) ## start everything on this machine, load the demo county, run a month; goes on in the background
	$(BIN)/tuoqi up --demo --detach
	$(BIN)/tuoqi demo

down: $(STAMP) ## stop the platform; its data stays
	$(BIN)/tuoqi down

status: $(STAMP) ## how each part stands
	$(BIN)/tuoqi status

logs: ## follow the logs of all parts
	@tail -n 40 -F $${TUOQI_HOME:-.local}/logs/*.log

reset: $(STAMP) ## stop the platform and remove its data, logs, passwords and keys
	$(BIN)/tuoqi down --reset

# ---- checks -------------------------------------------------------------------------------------------------------

.PHONY: test format lint types unit
test: $(STAMP) lint types unit ## all checks: format, lint, types, contracts, tests on real PostgreSQL and Kafka
	@echo "all checks passed"

format: $(STAMP) ## bring code and contracts into shape
	$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format --quiet . ; cd proto && ../$(BIN)/buf format -w

lint: $(STAMP) ## format and lint, nothing changed
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check .

types: $(STAMP) ## mypy, strict, over everything that is shipped
	$(BIN)/mypy -p tuoqi.contracts -p tuoqi.kit -p tuoqi.cli -p tuoqi.registry -p tuoqi.payments -p tuoqi.visits -p tuoqi.alerts -p tuoqi.benchmarks

unit: $(STAMP) ## the tests
	$(BIN)/python -m pytest

.PHONY: faults bench
faults: $(STAMP) ## kills, poisons, a wiped broker, removed walls: slow, on a platform of its own
	$(BIN)/python -m pytest -m faults --timeout 900 tests/faults

bench: $(STAMP) ## the pipeline measured beside its limit and the naive way
	$(BIN)/tuoqi bench pipeline --events 200000 --json

# ---- containers ---------------------------------------------------------------------------------------------------

PYTHON_VERSION ?= 3.13
WHEELS ?= wheels

.PHONY: wheels secrets images compose-test
wheels: $(STAMP) ## all that the image installs, checked by the lock's hashes (PYTHON_VERSION=3.13)
	$(BIN)/python deploy/wheels.py --python-version $(PYTHON_VERSION) --out $(WHEELS) $(filter-out benchmarks,$(MEMBERS))

secrets: ## passwords, token and keys of a compose deployment, once; never overwritten
	@sh deploy/secrets.sh

images: ## the image of docker-compose.yml, from wheels/
	docker compose build

compose-test: $(STAMP) ## the compose file on a real engine: a month of a small county, containers killed; slow
	$(BIN)/python tests/compose/run.py
