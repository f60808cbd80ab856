# Everything happens in .venv; a Python of 3.11 or later is all that must be there before.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Most integration tests wait for other processes: four at a time fill two cores. Each has a Kafka
# and a PostgreSQL of its own.
PARALLEL ?= 4
# File by file, in their order: those with few tests are the longest, and would come last.
SPREAD := -n $(PARALLEL) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: docs help setup demo test lint types arrows unit integration acceptance bench faults prove lock format clean

help:  ## list what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Hookline needs Python 3.11 or later, and this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing Hookline into $(VENV) …"
	@$(PIP_INSTALL) --require-hashes -r requirements/run.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "Installing the development tools …"
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/run.stamp  ## install Hookline into .venv

demo: $(VENV)/run.stamp  ## the whole pipeline with simulated Meta traffic, then the tables
	@$(BIN)/hookline demo

test: lint types arrows unit integration acceptance  ## lint, types, arrows and all tests but chaos

lint: $(VENV)/dev.stamp  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp  ## mypy --strict
	$(BIN)/mypy

arrows: $(VENV)/dev.stamp  ## import-linter
	$(BIN)/lint-imports

unit: $(VENV)/dev.stamp  ## pure decisions and contracts
	$(BIN)/pytest tests/unit tests/contract -n 2

integration: $(VENV)/dev.stamp  ## on a real Kafka and a real PostgreSQL (PARALLEL=4)
	$(BIN)/pytest tests/integration $(SPREAD)

acceptance: $(VENV)/dev.stamp  ## the whole line, kills included
	$(BIN)/pytest tests/acceptance

faults: $(VENV)/dev.stamp  ## each crash point and outage by itself (PARALLEL=4)
	$(BIN)/pytest tests/chaos/faults $(SPREAD)

prove: $(VENV)/dev.stamp  ## the same, then all kinds at once while Meta sends, then answers, and a report (MINUTES=10 MENTIONS=2000 SEED=…)
	@$(BIN)/pytest tests/chaos/faults $(SPREAD); red=$$?; \
	$(BIN)/python -m tests.chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(MENTIONS),--mentions $(MENTIONS)) $(if $(SEED),--seed $(SEED)) && exit $$red

bench: $(VENV)/dev.stamp  ## measure this machine
	$(BIN)/python -m benchmarks

docs: $(VENV)/run.stamp  ## write the generated pages anew
	$(BIN)/python -m hookline.configuration_page > docs/configuration.md
	$(BIN)/python -m hookline.doctor.handbook > docs/doctor.md

format: $(VENV)/dev.stamp  ## ruff, with fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## pin the requirements anew (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --quiet --all-extras pyproject.toml -o requirements/dev.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --quiet -c requirements/dev.txt --extra workers --extra embedded --extra build pyproject.toml -o requirements/run.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --quiet -c requirements/dev.txt --extra workers --extra build pyproject.toml -o requirements/workers.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --quiet -c requirements/dev.txt --extra build pyproject.toml -o requirements/ingest.txt

clean:  ## remove .venv and what the tools left
	rm -rf $(VENV) .hypothesis .mypy_cache .ruff_cache .import_linter_cache
