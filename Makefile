# `make demo` and `make test` need Python 3.11+ and nothing else: each sets up .venv by itself.
.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench clean

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

help:
	@echo "make demo    train an English-Korean translator on real pairs and try it (under 5 minutes)"
	@echo "make test    run every test"
	@echo "make lint    ruff and mypy, as the continuous integration runs them"
	@echo "make format  let ruff rewrite the files"
	@echo "make bench   the benchmark of the tokenizer; see docs/benchmarks.md for the others"

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "rnnkit needs Python 3.11 or newer with venv (on Debian: apt install python3 python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) '.[samples]'
	@touch $@

.venv/dev: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) '.[dev]'
	@touch $@ .venv/demo

demo: .venv/demo
	$(BIN)/rnnkit demo

test: .venv/dev
	$(BIN)/python -m pytest

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev
	$(BIN)/python -m benchmarks.tokenizer

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
