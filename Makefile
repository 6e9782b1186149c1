# `make demo` and `make test` need Python 3.11+ and nothing else: each sets up .venv by itself. A
# C++17 compiler, where there is one, gives the native kernels.
.DEFAULT_GOAL := help
.PHONY: help demo test test-isas sanitize lint format bench clean

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

NATIVE_SOURCES := $(wildcard csrc/*.* csrc/*/*.*)
COMPILER := $(shell command -v c++ || command -v g++ || command -v clang++)
REQUIRE_NATIVE := $(BIN)/python -c 'from rnnkit.native import library; library.required()'

# Tests (2) on the instruction sets that this machine runs, from the 1st or the 2nd best (1: 0 or 1).
define on_isas
isas=$$($(BIN)/python -c 'from rnnkit.native import library; print(*library.isas()[$(1):])') && \
for isa in $$isas; do \
	echo "RNNKIT_ISA=$$isa"; \
	RNNKIT_ISA=$$isa $(BIN)/python -m pytest --quiet --numprocesses 2 $(2) || exit; \
done
endef

help:
	@echo "make demo      train an English-Korean translator on real pairs and try it (under 5 minutes)"
	@echo "make test      run every test, those of the kernels on each instruction set of the machine"
	@echo "make sanitize  run the tests of the kernels under the address and undefined sanitizers"
	@echo "make lint      ruff and mypy, as the continuous integration runs them"
	@echo "make format    let ruff rewrite the files"
	@echo "make bench     the benchmark of the tokenizer; see docs/benchmarks.md for the others"

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "rnnkit needs Python 3.11 or newer with venv (on Debian: apt install python3 python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml constraints.txt $(NATIVE_SOURCES) | .venv/bin/python
	$(INSTALL) '.[samples,train]'
	@touch $@

# Users without a compiler get a working rnnkit; developers with one must see what fails.
.venv/dev: pyproject.toml constraints.txt $(NATIVE_SOURCES) | .venv/bin/python
	RNNKIT_REQUIRE_NATIVE=$(if $(COMPILER),1,0) $(INSTALL) '.[dev]'
	$(if $(COMPILER),$(REQUIRE_NATIVE))
	@touch $@ .venv/demo

demo: .venv/demo
	$(BIN)/rnnkit demo

test: .venv/dev
	$(BIN)/python -m pytest --numprocesses 2
	@$(MAKE) --no-print-directory test-isas

test-isas: .venv/dev
	@$(call on_isas,1,tests/native tests/kernels tests/cells)

build/sanitize/librnnkit_native.so: $(NATIVE_SOURCES) | .venv/dev
	$(BIN)/cmake -S csrc -B build/sanitize -D CMAKE_CXX_COMPILER=$(CXX) -D RNNKIT_SANITIZE=address,undefined
	$(BIN)/cmake --build build/sanitize --parallel 2

# The sanitizer wants to be the first library of the process, and the C++ library (whose exceptions
# it watches) to be there with it. Leaks are not looked for: Python and torch never free all. Threads
# that wait for work give their core away, which slow code on few cores wants.
sanitize: build/sanitize/librnnkit_native.so
	@export RNNKIT_LIBRARY=$(abspath $<) OMP_WAIT_POLICY=passive \
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
		LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" && \
	$(REQUIRE_NATIVE) && $(call on_isas,0,tests/native tests/kernels)

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
