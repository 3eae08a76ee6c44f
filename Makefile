# Everything a person or a machine does here.  `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install run test lint format demo bench reliability lock clean
.DEFAULT_GOAL := help

help:  ## say what each target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

$(VENV)/.runtime: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Holdfast needs Python 3.11 or newer; set PYTHON=python3.x")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/.dev  ## make .venv with pinned, hashed dependencies

run: $(VENV)/.runtime  ## serve on loopback with SQLite and ./data
	@exec $(BIN)/python -m app serve

test: $(VENV)/.dev  ## the whole suite
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

lint: $(VENV)/.dev  ## ruff (everything, exceptions with reasons) and mypy (strict)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.dev  ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

demo: $(VENV)/.dev  ## generate, store, let the provider delete, still serve
	@$(BIN)/python -m devkit.demo

bench: $(VENV)/.dev  ## side by side with the peers that are installed (about ten minutes)
	@$(BIN)/python -m benchmarks $(ARGS)

reliability: $(VENV)/.dev  ## try to lose an image: crashes, faults, traces, power cuts (about an hour)
	@$(BIN)/python -m benchmarks.reliability $(ARGS)

LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --no-header --quiet

lock:  ## resolve the dependencies anew (needs uv)
	$(LOCK) -o requirements.lock
	$(LOCK) -c requirements.lock --extra heic -o requirements-heic.lock
	$(LOCK) -c requirements-heic.lock --extra heic --group dev -o requirements-dev.lock

clean:  ## remove .venv and caches; ./data stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
