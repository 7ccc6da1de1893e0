# Two commands for a new machine with Python 3.11 or later: `make check` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: check test lint docs clean

check: $(VENV)/.installed
	$(BIN)/modelcheck check specs

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 -q

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed
	for builder in html latex text; do \
	  $(BIN)/sphinx-build -W -b $$builder -d docs/_build/doctrees docs docs/_build/$$builder || exit 1; \
	done

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist docs/_build
