# `make demo`, `make test`, `make lint`: each builds .venv first if it is missing or outdated.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: help setup demo test smoke bench lint format clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(INSTALLED)  ## build .venv with the tested versions

# Rebuilt when the dependencies change, not when the code does: the install is editable.
$(INSTALLED): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade-strategy only-if-needed -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## train, test and compare with and without depth, in minutes, without a GPU
	$(BIN)/python tools/demo.py

test: $(INSTALLED)  ## run the tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

smoke: $(INSTALLED)  ## run every table of configs/tables/ with tiny stand-ins
	$(BIN)/python tools/run_experiments.py configs/tables/*.py --smoke --jobs 2

bench: $(INSTALLED)  ## compare loading, metric, windows, contrast and optimiser with the stock way
	$(BIN)/python docs/scripts/bench.py

lint: $(INSTALLED)  ## check style, and that no package imports from a layer above it
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(INSTALLED)  ## fix style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove .venv and caches (not data, not work_dirs)
	rm -rf .venv .pytest_cache .ruff_cache build *.egg-info
