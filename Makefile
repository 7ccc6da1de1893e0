# On a fresh machine with Python 3.11 or newer, `make check` and `make test` do all the set-up themselves.

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin

.PHONY: check test lint docs clean

check: $(VENV)/installed
	$(BIN)/modelcheck check specs

test: $(VENV)/installed
	$(BIN)/python -m pytest -q -n $(WORKERS)

lint: $(VENV)/developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/modelcheck fmt --check specs

docs: $(VENV)/developer
	$(BIN)/python -m sphinx -q -W -n -b html docs docs/_build/html

# Some systems ship Python without the module that puts pip into a new environment; theirs then fills it from outside.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("modelcheck needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV) || $(PYTHON) -m venv --without-pip --clear $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/developer: $(VENV)/installed
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist docs/_build
