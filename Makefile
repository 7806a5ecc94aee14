# Every target works on a fresh clone: it first creates what it needs.

VENV := .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
INSTALLED := $(VENV)/.installed
PYTHON ?= python3
PYTEST_ARGS ?=

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help charts demo serve test test-long test-matrix lint format typecheck bench lock services-up services-down services-status clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

charts: ## Fetch Chart.js with npm for the dashboard's charts; without npm it shows tables
	@.ci/charts

demo: $(INSTALLED) charts ## Import 100,000 legacy records into a fresh site, and account for each
	@$(BIN)/python -c 'import os, sys; sys.exit(not (os.getenv("DATABASE_URL") and os.getenv("REDIS_URL")))' \
		|| $(MANAGE) services up
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) demo

serve: $(INSTALLED) ## Serve the site at http://127.0.0.1:8000
	@$(MANAGE) runserver 127.0.0.1:8000

test: $(INSTALLED) charts ## Run all tests, on services of their own; with a browser if there is one
	@.ci/browser
	@.ci/services
	@.ci/saml
ifeq ($(strip $(PYTEST_ARGS)),)
	@$(BIN)/python -m pytest -m "not long and not alone" --numprocesses auto --maxprocesses 4 --dist loadfile
	@$(BIN)/python -m pytest -m "alone and not long"
else
	@$(BIN)/python -m pytest $(PYTEST_ARGS)
endif

test-long: $(INSTALLED) ## Run the long tests: 200 kills, 100 cut commits, every format of the real data
	@IMPORTER_KILLS=200 IMPORTER_CUTS=100 $(BIN)/python -m pytest -m "long or not long" tests/importer/work/test_kills.py \
		tests/importer/work/test_every_call_may_fail.py tests/importer/work/test_commit_unknown.py tests/importer/test_foreign_site.py \
		tests/importer/sources/test_remote_sources.py $(PYTEST_ARGS)

test-matrix: ## Run the tests on Django 5.2 with Python 3.11, and on the latest Django 6 with Python 3.13
	@.ci/test-matrix $(PYTEST_ARGS)

lint: $(INSTALLED) ## Check style, formatting, and which package may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

format: $(INSTALLED) ## Fix formatting and lint automatically
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

typecheck: $(INSTALLED) ## Check types
	@$(BIN)/mypy

bench: $(INSTALLED) ## Measure imports against \copy, the costs of tracking and cache, and the dashboard on a growing log
	@$(BIN)/python -m benchmarks.import_speed
	@$(BIN)/python -m benchmarks.tracking
	@$(BIN)/python -m benchmarks.cache
	@$(BIN)/python -m benchmarks.dashboard

lock: $(INSTALLED) ## Update requirements.lock from requirements.txt, for the image
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile requirements.txt --upgrade --quiet --generate-hashes --no-header --no-annotate \
		--python-version 3.13 --python-platform linux --output-file .requirements.draft >/dev/null
	@{ head -n 1 requirements.lock; cat .requirements.draft; } >.requirements.lock && mv .requirements.lock requirements.lock
	@rm .requirements.draft

services-up: $(INSTALLED) ## Start the embedded PostgreSQL and Valkey
	@$(MANAGE) services up

services-down: $(INSTALLED) ## Stop the embedded services; keep their data
	@$(MANAGE) services down

services-status: $(INSTALLED) ## Show which embedded services run
	@$(MANAGE) services status

clean: ## Stop the services and delete everything created here, data included
	@if [ -x $(BIN)/python ]; then $(MANAGE) services down --delete-data; fi
	rm -rf $(VENV) .local .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Made anew when Python's own path is gone, filled again when the requirements change.
$(INSTALLED): requirements.txt requirements-dev.txt
	@python=$$(PYTHON="$(PYTHON)" .ci/find-python 3.11) || { \
		echo "No Python 3.11 or newer to be found. Install one, or say where: make PYTHON=/path/to/python3"; exit 1; }; \
	$(BIN)/python -c '' 2>/dev/null || { echo "Making $(VENV) with $$python"; "$$python" -m venv --clear $(VENV) || { \
		echo "That Python cannot make virtual environments; on Debian, install python3-venv."; exit 1; }; }
	@echo "Installing what requirements-dev.txt names"
	@$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@
