# `make demo` and `make test` do all their own set-up: they need Python, make and a package registry.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: demo test check bench clean

demo: $(VENV)/product
	$(BIN)/livertumorseg demo --output demo --overwrite

test: $(VENV)/test
	$(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/test
	$(BIN)/ruff check LiverTumorSegLib Testing
	$(BIN)/ruff format --check LiverTumorSegLib Testing
	$(BIN)/mypy

bench: $(VENV)/test
	$(BIN)/python Testing/benchmarks/segment.py

$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/product: pyproject.toml constraints.txt | $(VENV)/python
	$(INSTALL) --editable .
	@touch $@

$(VENV)/test: $(VENV)/product
	$(INSTALL) --editable ".[test,mrml]"
	@touch $@

clean:
	rm -rf $(VENV) demo build *.egg-info
