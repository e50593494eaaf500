# Everything that one does with a checkout. `make` alone lists it.
# On Debian, what is missing (venv, PostgreSQL) is installed with apt-get; elsewhere the message says what to install.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
APT = DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install --yes --no-install-recommends
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help setup demo test quick container-test extension lint bench postgres java openvino clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.setup ## make .venv and install indb with what its tests need

demo: setup ## train two models on 336,776 real flights, deploy them into demo.duckdb, compare every row
	$(BIN)/indb demo

test: setup postgres java openvino ## run every test, against real databases
	$(BIN)/pytest -n $(JOBS)

quick: setup ## run the tests that need no server and no patience (under two minutes)
	$(BIN)/pytest -n $(JOBS) -m "not slow and not postgres"

extension: setup ## write the files that CREATE EXTENSION indb reads into build/extension
	$(BIN)/indb extension --out build/extension

container-test: extension ## run the quick tests of PostgreSQL in a container of docker/postgres, as root on Linux
	docker/engine.sh docker/container-test.sh $(BIN)/pytest -n $(JOBS) -m "postgres and not slow"

lint: setup ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.bench postgres ## time scoring in the database beside the other ways
	$(BIN)/python -m bench

postgres: setup ## see to it that the tests find a PostgreSQL
	@if ! found=$$($(BIN)/python tests/engines.py); then \
	    if command -v apt-get >/dev/null; then $(call install_postgres); \
	    else echo "$$found"; echo "Install PostgreSQL with PL/Python, start Docker, or set INDB_TEST_POSTGRES to a DSN."; fi; \
	fi

java: # what judges PMML beside indb runs in Java; its tests are skipped where there is none, but in CI
	@if ! java -version >/dev/null 2>&1; then \
	    if command -v apt-get >/dev/null; then $(SUDO) apt-get update --quiet; $(APT) default-jre-headless; \
	    else echo "Install Java 11 or later: tests of PMML compare with JPMML and PMML4S."; fi; \
	fi

openvino: $(VENV)/.openvino # another build of ONNX Runtime, in a folder of its own: an execution provider for any processor

clean: ## remove what is made here, .venv included
	rm -rf $(VENV) dist build demo.duckdb demo.duckdb.wal .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The name of a Python from 3.11 on that runs (a shim of a version manager may be there and not run).
find_python = for name in python3 python3.11 python3.12 python3.13 python3.14; do \
	    if $$name -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then echo $$name; break; fi; \
	done

# Debian packs ensurepip apart from python3: without it `python3 -m venv` stops half way.
$(BIN)/python:
	@python=$$($(find_python)); \
	if [ -z "$$python" ] || ! $$python -c "import ensurepip, venv" 2>/dev/null; then \
	    if ! command -v apt-get >/dev/null; then echo "Install Python 3.11 or later, with venv." >&2; exit 1; fi; \
	    $(SUDO) apt-get update --quiet; $(APT) python3 python3-venv python3-pip; python=$$($(find_python)); \
	fi; \
	echo "$$python -m venv $(VENV)"; $$python -m venv --clear $(VENV)

$(VENV)/.setup: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test,demo]"
	@touch $@

$(VENV)/.openvino: $(VENV)/.setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/openvino onnxruntime-openvino
	@touch $@

$(VENV)/.bench: $(VENV)/.setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	@touch $@

# What is installed gets its PL/Python; else PostgreSQL 15 where the release has it (Debian 12), else the release's own.
# python3-numpy is what the server's Python sees.
define install_postgres
$(SUDO) apt-get update --quiet; \
	    newest() { ls /usr/lib/postgresql 2>/dev/null | sort -n | tail -1; }; \
	    if [ -z "$$(newest)" ]; then $(APT) postgresql-15 || $(APT) postgresql; fi; \
	    $(APT) "postgresql-plpython3-$$(newest)" python3-numpy || echo "No PL/Python: its tests will be skipped."; \
	    $(APT) "postgresql-$$(newest)-pgtap" || echo "No pgTAP: a test will be skipped."
endef
