# The front door. `make` alone lists what there is; every target sets up what it needs by itself.
VENV := .venv
BIN := $(VENV)/bin
# One stamp per installed lock. A changed lock or pyproject.toml makes it stale; otherwise a target starts at once.
RUN := $(VENV)/.run-installed
DEMO := $(VENV)/.demo-installed
DEV := $(VENV)/.dev-installed
PEERS := tests/peers/node/node_modules/.package-lock.json
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
# jstyleson, which one reader of the tests needs, has no wheel.
LOCKED := --require-hashes --no-deps --only-binary :all: --no-binary jstyleson --requirement
OURSELVES := --no-deps --no-build-isolation --editable .
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run demo check test test-long bench screenshots rights-report peers try-peers lock audit

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(DEV)  ## install everything for running and developing into .venv, exactly as locked
	@echo "Ready: make run, make demo, make check, make test."

run: $(RUN)  ## start the server on http://127.0.0.1:8000 (PORT and CARTELLINO_DATA_DIR change that)
	@exec $(BIN)/cartellino serve

demo: $(DEMO)  ## start a gallery already filled with artists and works, in data/demo
	@exec $(BIN)/cartellino demo

check: $(DEV)  ## format, lint, import contracts, types and house rules; needs no network
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy --strict server federation web
	$(BIN)/python -m pytest -q tests/house

test: $(DEV) try-peers  ## every test, on SQLite and PostgreSQL (ARGS="-k word" narrows, CARTELLINO_TEST_DATABASES=sqlite chooses)
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-long: $(DEV) try-peers  ## the same with the full counts of fuzz cases, kills and browser stories
	$(BIN)/python -m pytest --long $(ARGS)

bench: $(DEV)  ## run every measurement in bench/ and print its numbers
	@status=0; for file in bench/[!_]*.py; do name=$$(basename $$file .py); echo "== $$name"; $(BIN)/python -m bench.$$name || status=1; done; exit $$status

rights-report: $(DEV) peers  ## have every channel of rights read by software of others, into docs/rights-conformance.md
	$(BIN)/python -m docs.rights_report

peers: $(PEERS)  ## install the Node programs of others that tests/peers needs, exactly as locked

# A machine that cannot reach a package registry runs all tests but these.
try-peers: $(DEV)
	@$(MAKE) --no-print-directory peers || echo "Tests that need them are skipped."

screenshots: $(DEV)  ## take the pictures of docs/ again, from a demo gallery
	$(BIN)/python docs/make_screenshots.py

# For Python 3.11 on Linux; the hashes cover every wheel of a version, so the same files install on newer Pythons and on
# ARM. `make lock` keeps the versions it finds, `make lock UPGRADE=1` takes the newest. Settings of this machine
# (indexes, folders of wheels) stay outside: no configuration file is read and none of their variables is passed.
COMPILE = env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS -u UV_CONSTRAINT -u UV_OVERRIDE \
	$(BIN)/uv pip compile --quiet --no-config --python-version 3.11 --python-platform x86_64-manylinux_2_28 --only-binary :all: --no-binary jstyleson \
	--overrides requirements/overrides.txt --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	--annotation-style line pyproject.toml requirements/build.in

# c2pa-python declares what only its build script uses: an HTTP client has no place in the server.
UNUSED := $(foreach package,requests toml urllib3 certifi charset-normalizer,--no-emit-package $(package))

lock: $(DEV)  ## resolve pyproject.toml again into requirements/*.txt
	$(COMPILE) --extra dev $(if $(UPGRADE),--upgrade) --output-file requirements/dev.txt
	$(COMPILE) --extra demo $(UNUSED) --constraint requirements/dev.txt --output-file requirements/demo.txt
	$(COMPILE) $(UNUSED) --constraint requirements/dev.txt --output-file requirements/run.txt

audit: $(DEV)  ## ask an advisory service about every locked package; fails when it cannot be asked
	$(BIN)/python requirements/audit.py requirements/run.txt requirements/dev.txt

# The virtual environment: PYTHON if given, else python3 if it is new enough, else the newest numbered one that works.
$(BIN)/python:
	@for python in $(PYTHON) $(if $(PYTHON),,python3 python3.14 python3.13 python3.12 python3.11); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
			echo "Python's venv module is missing. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
		"$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; exit 0; \
	done; echo "Cartellino needs Python 3.11 or newer; none was found$(if $(PYTHON), at $(PYTHON)). Name one with: make PYTHON=/path/to/python3 ..." >&2; exit 1

$(RUN): requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing what the server needs into $(VENV) ..."
	@$(PIP) $(LOCKED) requirements/run.txt
	@$(PIP) $(OURSELVES)
	@touch $@

$(DEMO): requirements/demo.txt pyproject.toml | $(BIN)/python
	@echo "Installing what the demo needs into $(VENV) ..."
	@$(PIP) $(LOCKED) requirements/demo.txt
	@$(PIP) $(OURSELVES)
	@touch $@ $(RUN)

$(DEV): requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing everything for development into $(VENV) ..."
	@$(PIP) $(LOCKED) requirements/dev.txt
	@$(PIP) $(OURSELVES)
	@touch $@ $(RUN) $(DEMO)

# npm is in the wheel that brings Node; it looks for `node` on the PATH. Nothing of a package runs while it is installed.
$(PEERS): tests/peers/node/package-lock.json | $(DEV)
	@echo "Installing what tests/peers needs into tests/peers/node ..."
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --prefix tests/peers/node --ignore-scripts --no-audit --no-fund --no-update-notifier --fetch-retries=1 \
		--loglevel=error || { rm -rf tests/peers/node/node_modules; echo "The Node programs for tests/peers could not be installed." >&2; exit 1; }
	@touch $@
