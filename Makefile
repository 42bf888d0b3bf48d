# Two commands: `make report` and `make test`. Both make the environment in .venv first, from envs/lock.txt.
# The first Python that fits and can make an environment; PYTHON=... chooses another.
FITS := import ensurepip, venv, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do $$name -c '$(FITS)' 2>/dev/null && echo $$name && break; done || echo python3)
# As many jobs at once as there are cores, up to 4: more would only wait for each other.
CORES ?= $(shell n=$$(nproc 2>/dev/null || echo 4); echo $$((n < 4 ? n : 4)))
# An overlay of config.yaml: make report CONFIG=config/quick.yaml
CONFIG ?=
PIP_FLAGS ?=
BIN := .venv/bin
# uv, where it is installed, takes seconds, and torch without CUDA (TORCH=auto: for the GPU that it finds). Without uv, or
# where it does not get through, pip does it. Modules are compiled when they are first imported.
TORCH ?= cpu
UV := uv pip install --python $(BIN)/python $(addprefix --torch-backend=,$(TORCH))
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-compile
# What the lock names, then what this build of torch needs beside it.
install = $(1) --quiet --no-deps $(PIP_FLAGS) -r envs/lock.txt && $(1) --quiet --no-build-isolation $(PIP_FLAGS) -e .

# Byte code caches are wanted whatever the caller's shell says: without them every start-up takes three times as long.
export PYTHONDONTWRITEBYTECODE :=
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: environment report test lint docs coverage campaign

environment: .venv/.complete

.venv/.complete: envs/lock.txt pyproject.toml
	@$(PYTHON) -c '$(FITS)' 2>/dev/null || { echo "$(PYTHON) is no Python 3.11 to 3.14 with the modules venv and ensurepip ($$($(PYTHON) --version 2>&1)). On Debian and Ubuntu: apt install python3-venv. Another Python: make PYTHON=python3.13 ..."; exit 1; }
	@echo "Making the environment in .venv; the first time takes the download of its packages ..."
	@$(PYTHON) -m venv .venv
	@{ command -v uv >/dev/null && $(call install,$(UV)); } || { $(call install,$(PIP)); }
	@touch $@

report: environment
	$(BIN)/snakemake --cores $(CORES) report $(addprefix --configfile ,$(CONFIG))

lint: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check --compact-diff Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/python -m basedpyright --pythonpath $(BIN)/python

# A process for each core; the tests that share the small study stay in one.
test: lint
	$(BIN)/python -m pytest -n logical --dist loadgroup

# The site, in docs/_build/html; a warning is an error. What makes it is fetched once, the site is made offline.
docs: environment
	@$(BIN)/python -c 'import furo, myst_parser' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -e '.[docs]'
	$(BIN)/python -m sphinx -W -q -b html docs docs/_build/html

# The lines of the package that the tests run, in jobs and workers too; the floor stands in pyproject.toml.
coverage: environment
	$(BIN)/python -m pytest -n logical --dist loadgroup --cov --cov-report=term:skip-covered

# What takes too long for every change: kills at many moments, damage, two runs byte by byte.
campaign: environment
	$(BIN)/python -m pytest tests/workflow/campaign --override-ini addopts="-q --import-mode=importlib"
