# `make` says what there is. Everything is installed into .venv, nothing else of the machine is touched,
# but for `make test`, which may install PostgreSQL, Redis and Chromium with apt where it is allowed to.

# A Python from 3.11 on; PYTHON=... names another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
RUN := .venv/bin/python
COVERAGE := $(RUN) -m coverage

.PHONY: help run test check chaos bench bench-million coverage messages lock clean
.DEFAULT_GOAL := help

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 24

run: .venv/runtime .env ## Start the whole product on http://127.0.0.1:8000 (PORT=8001 for another)
	@$(RUN) manage.py migrate --verbosity 0
	@! grep -qiE '^EMBEDDED=(True|1|yes|on)' .env || $(RUN) manage.py demo
	@exec $(RUN) manage.py runserver --noreload

test: export SERVERS_USED := .servers-used
test: .venv/dev ## Run every test, with servers that the tests start themselves
	@$(COVERAGE) erase && rm -f $(SERVERS_USED)
	$(COVERAGE) run -m pytest -n 2 --ignore=tests/browser --ignore=tests/chaos
	TEST_DB=sqlite $(COVERAGE) run -m pytest -n 2 tests/delivery
	@$(EXPERIMENTS)
	$(COVERAGE) run -m pytest tests/browser
	@$(COVERAGE) combine --quiet
	@$(COVERAGE) report
	@echo "The engine alone, lines and branches:"
	@$(COVERAGE) report --include='mailer/delivery/*' --fail-under=95
	@echo "Servers used:" && sort -u $(SERVERS_USED)

check: .venv/dev ## Check style and types, then run every test
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	ENV_FILE=/dev/null SECRET_KEY=for-mypy-alone-0123456789-abcdefghijklmnopqrstuvwxyz $(RUN) -m mypy .
	@$(MAKE) --no-print-directory test

chaos: export CHAOS = full
chaos: AT_ONCE =
chaos: export CHAOS_SEED = $(SEED)
chaos: .venv/dev ## Kill, stop, freeze and cut off everything, for twelve minutes at most (SEED=7 for other dice)
	@$(EXPERIMENTS)

# Both databases, then one table, whatever has failed. The whole form one after another, for it measures rates.
SEED ?= 1
AT_ONCE = -n 2
EXPERIMENTS = export CHAOS_REPORT=$$(mktemp); \
	$(RUN) -m pytest $(AT_ONCE) tests/chaos; postgresql=$$?; \
	TEST_DB=sqlite $(RUN) -m pytest $(AT_ONCE) tests/chaos; sqlite=$$?; \
	$(RUN) -m tests.chaos.support.report $$CHAOS_REPORT; rm $$CHAOS_REPORT; \
	exit $$((postgresql + sqlite))

bench: .venv/dev ## Measure it against its peers on this machine, in ten minutes, and write docs/performance.md
	@$(RUN) -m benchmarks --write

bench-million: .venv/dev ## Import, mail to and look at a million recipients, in a quarter of an hour; the same page
	@$(RUN) -m benchmarks.million --write

coverage: test ## Write what the tests reached to htmlcov/index.html
	@$(COVERAGE) html

messages: .venv/dev ## Bring the Russian catalog up to date with the sources, compile it, say what it lacks
	$(RUN) -m tests.support.catalog

lock: .venv/dev ## Resolve requirements*.txt anew from pyproject.toml
	$(RUN) -m pip install --quiet uv
	$(LOCK) --output-file requirements.txt pyproject.toml
	$(LOCK) --output-file requirements-dev.txt --group dev pyproject.toml
LOCK := $(RUN) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header

clean: ## Remove what was installed and measured; data/ and .env stay
	rm -rf .venv .coverage .coverage.* .servers-used htmlcov staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. PYTHON=/path/to/python3 names one." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "This Python can't make a virtual environment:" \
		"on Debian or Ubuntu, apt install python3-venv helps. Or name another: make PYTHON=/path/to/python3" >&2; exit 1; }

.venv/runtime: requirements.txt | .venv/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

.venv/dev: requirements-dev.txt | .venv/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

.env: | .venv/runtime
	@$(RUN) -m asgi_project.embedded
