# Everything a newcomer runs. `make demo` and `make test` set up what they need first.

PYTHON ?= python3
RUN = .venv/bin/python
READY = .venv/ready
# Where it is set, each pytest worker compiles every test file anew: four seconds of each core, every time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo local test long docs chaos hostile bench soak check lock clean

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile | expand -t 16

setup: $(READY) ## build .venv from .ci/requirements.lock (only when it changed)

demo: $(READY) ## the story of an invoice, on embedded servers and a local sevDesk
	$(RUN) -m worker demo

local: $(READY) ## keep a Postgres and a Redis running and print their addresses
	$(RUN) -m worker local

test: $(READY) ## all tests but the long ones, with a sample of the chaos tests
	$(RUN) -m pytest -q -n auto --dist worksteal -m "not long"

long: $(READY) ## the tests that take longer, chaos and hostile tests aside
	$(RUN) -m pytest -q -n auto --dist worksteal -m long --ignore=tests/chaos --ignore=tests/hostile

docs: $(READY) ## write the tables of docs/ that come from the code anew
	PYTHONPATH=tests $(RUN) -m house.doc_tables

chaos: $(READY) ## kill workers at every await and at random; a quarter of an hour
	$(RUN) -m pytest -q -s tests/chaos

hostile: $(READY) ## restored backups and other mistakes of people, for minutes
	$(RUN) -m pytest -q -s -n 2 --dist worksteal tests/hostile

bench: $(READY) ## measure; ARGS="--quick --only B7,B8 --out bench.json"
	PYTHONPATH=tests $(RUN) -m bench $(ARGS)

soak: $(READY) ## measure on a ledger of years; half an hour, 6 GB of disk
	PYTHONPATH=tests $(RUN) -m bench --only D1,D2 $(ARGS)

check: $(READY) ## ruff, mypy --strict, import contracts, packages
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy --strict worker sevdesk_client
	.venv/bin/lint-imports
	$(RUN) .ci/installed.py
	$(RUN) .ci/audit.py

lock: ## renew both lock files and print what changed (needs uv)
	sh .ci/lock --upgrade

clean: ## remove .venv and every cache
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock holds a hash for every package, the build backend too, so building the project itself fetches nothing.
$(READY): pyproject.toml .ci/requirements.lock
	@PYTHON="$(PYTHON)" sh .ci/setup
	@touch $@
