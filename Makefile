# Everything needs Python 3.11 or newer, pip and make; nothing else. `make help` lists the targets.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv/bin/python
LOCAL := $(VENV) -m config.local --end-with-parent
# One shell program replaces itself by the next: whoever kills make, the rest notices.
FRESH := exec $(LOCAL) exec --fresh --

# What Python compiles is kept here, whatever the machine says: some forty processes start in a test.
export PYTHONPYCACHEPREFIX := $(CURDIR)/var/pycache
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test check soak bench format translations requirements setup
.DEFAULT_GOAL := help

help:
	@echo "make run           serve the site with demo data at http://127.0.0.1:8000 (PORT=...)"
	@echo "make test          everything that must pass"
	@echo "make check         formatting, lint, types, import rules, migrations, translations, deployment"
	@echo "make soak          the long versions of the tests: kills, races, random histories (ROUNDS=10)"
	@echo "make bench         benchmarks, each beside its own limit"
	@echo "make format        put the code in shape"
	@echo "make translations  collect the texts to translate, and compile the translations"
	@echo "make requirements  fix the versions of what pyproject.toml asks for"

setup:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=..." >&2; exit 1; }
	@$(PYTHON) config/local/setup.py

run: setup
	@exec $(LOCAL) run

# As many processes as the machine has cores (one more is no faster: it spends more on beginning);
# each has a database and a cache of its own.
test: check
	@$(FRESH) $(VENV) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: setup
	@$(FRESH) $(VENV) -m config.local.checks

# Races and kills again and again, random histories by the thousand, and what is marked soak: among
# it 10,000 histories of the ledger of 100 steps each, for hours. SOAK_RUNS=500 for fewer.
soak: setup
	@$(FRESH) env STATE_MACHINE_RUNS=1000 $(VENV) -m pytest \
		-m "soak or race or fault or machine" --rounds $(or $(ROUNDS),10)

bench: setup
	@exec $(LOCAL) exec --fresh --durable -- $(VENV) -m benchmarks $(BENCH)

format: setup
	@$(VENV) -m ruff check --quiet --fix-only .
	@$(VENV) -m ruff format .
	@$(VENV) -m config.local.checks --fix-templates

translations: setup
	@exec $(VENV) -m config.local.translations

# For every Python from 3.11 on and every system, whatever this one is.
COMPILE = $(VENV) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
DEVELOP = --group local --group test --group check

requirements: setup
	@$(COMPILE) pyproject.toml -o requirements/base.txt
	@$(COMPILE) pyproject.toml $(DEVELOP) -o requirements/dev.txt
	@$(COMPILE) pyproject.toml $(DEVELOP) --group browser -o requirements/browser.txt
	@echo uv | $(COMPILE) - -o requirements/setup.txt
