# Every target works on a fresh clone: what it needs is made first.

VENV := .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
# Two markers: the site with its PostgreSQL and Valkey, and the tools of development on top.
SITE := $(VENV)/.installed-site
TOOLS := $(VENV)/.installed-tools
PYTHON ?= python3
PYTEST_ARGS ?=
# One more than there are processors, because many tests wait; no more than 5.
TEST_PROCESSES ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); [ $$n -lt 5 ] && echo $$((n + 1)) || echo 5)

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
# Set in many containers: each start of Python would compile all that it imports anew, which takes seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help countries demo serve test test-long test-matrix lint format typecheck bench lock services-up services-down services-status clean
# With `make -j`, two targets would install into the same environment at once.
.NOTPARALLEL:

demo: $(SITE) countries ## Import 100,000 legacy records and fill the dashboard
	@$(BIN)/python -c 'import os, sys; sys.exit(not (os.getenv("DATABASE_URL") and os.getenv("REDIS_URL")))' \
		|| $(MANAGE) services up
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) demo

serve: $(SITE) ## Serve the site at http://127.0.0.1:8000
	@$(MANAGE) runserver 127.0.0.1:8000

test: $(TOOLS) countries ## Run all tests on services of their own, with a browser where there is one
	@.ci/browser
	@.ci/services
	@.ci/saml
ifeq ($(strip $(PYTEST_ARGS)),)
	@$(BIN)/python -m pytest -m "not long and not alone" --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder
	@$(BIN)/python -m pytest -m "alone and not long"
else
	@$(BIN)/python -m pytest $(PYTEST_ARGS)
endif

test-long: $(TOOLS) countries ## Run what `make test` leaves out: the other formats and faults, 200 kills, 100 cut commits, random examples
	@$(BIN)/python -m pytest -m long $(PYTEST_ARGS)
	@IMPORTER_KILLS=200 IMPORTER_CUTS=100 $(BIN)/python -m pytest -m "not long" tests/importer/work/test_kills.py \
		tests/importer/work/test_commit_unknown.py $(PYTEST_ARGS)
	@IMPORTER_EXAMPLES=60 $(BIN)/python -m pytest tests/importer/test_any_order.py $(PYTEST_ARGS)
	@$(BIN)/python -m pytest -m "not long" --hypothesis-profile=random \
		$$(grep -rl --include='test_*.py' '^from hypothesis' tests) $(PYTEST_ARGS)

test-matrix: ## Run the tests on Django 5.2 with Python 3.11 and on Django 6 with Python 3.13
	@.ci/test-matrix $(PYTEST_ARGS)

# .pre-commit-config.yaml has the same three commands.
lint: $(TOOLS) ## Check style, and which app imports which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

format: $(TOOLS) ## Fix what can be fixed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

typecheck: $(TOOLS) ## Check types
	@$(BIN)/mypy

bench: $(TOOLS) ## Measure the import against \copy and by hand, what tracking and the cache cost, and the dashboard as the log grows
	@$(BIN)/python -m benchmarks.import_speed
	@$(BIN)/python -m benchmarks.import_shapes
	@$(BIN)/python -m benchmarks.tracking
	@$(BIN)/python -m benchmarks.cache
	@$(BIN)/python -m benchmarks.dashboard

lock: $(SITE) ## Resolve requirements.txt anew, for the image
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile requirements.txt --upgrade --quiet --generate-hashes --no-header --no-annotate \
		--python-version 3.13 --python-platform linux --output-file .requirements.draft >/dev/null
	@{ head -n 1 requirements.lock; cat .requirements.draft; } >.requirements.lock && mv .requirements.lock requirements.lock
	@rm .requirements.draft

countries: ## Fetch the countries of addresses with npm; without npm the site works without them
	@.ci/countries

services-up: $(SITE) ## Start the embedded PostgreSQL and Valkey
	@$(MANAGE) services up

services-down: $(SITE) ## Stop them; their data is kept
	@$(MANAGE) services down

services-status: $(SITE) ## See whether they run
	@$(MANAGE) services status

clean: ## Stop the services and delete all that was made here, data included
	@if [ -x $(BIN)/python ]; then $(MANAGE) services down --delete-data; fi
	rm -rf $(VENV) .local .mypy_cache .ruff_cache .pytest_cache .hypothesis

help: ## List what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

$(SITE): requirements.txt requirements-demo.txt
	@PYTHON="$(PYTHON)" .ci/install $(VENV) requirements-demo.txt
	@touch $@

# Includes what the site needs, so that `make test` on a fresh clone installs once.
$(TOOLS): requirements.txt requirements-demo.txt requirements-dev.txt
	@PYTHON="$(PYTHON)" .ci/install $(VENV) requirements-dev.txt
	@touch $(SITE) $@
