# Two commands: `make run` and `make test`. Both need python3 with venv and the package registry, nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
MODEL ?=
QUICK = results/quickstart

.PHONY: run test perf docs docs-generate clean system postgresql docker

run: $(VENV)/.base system  ## examine two candidates and compare them; MODEL=name examines a real one beside
	$(BIN)/tripos run --config quickstart --store $(QUICK)/tripos.db
	$(BIN)/tripos compare $(QUICK)/*_simulated-weak.jsonl $(QUICK)/*_simulated-strong.jsonl
	$(BIN)/tripos report $(QUICK)/*_simulated-weak.jsonl $(QUICK)/*_simulated-strong.jsonl --html $(QUICK)/report.html --title "Quick start"
ifneq ($(MODEL),)
	$(BIN)/tripos run -b email_triage -m $(MODEL) -n 30 --output-dir $(QUICK) --store $(QUICK)/tripos.db
endif

test: $(VENV)/.dev system postgresql docker  ## everything that must hold before a change lands
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto --dist worksteal

perf: $(VENV)/.dev  ## cost per sample against a bare client, start-up, memory
	$(BIN)/python benchmarks/perf/bench.py

docs: $(VENV)/.dev  ## builds the site into site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-generate: $(VENV)/.dev  ## reference pages and passages that are made from code
	$(BIN)/python docs/generate.py && $(BIN)/python benchmarks/plot_coverage.py

system:  # bubblewrap keeps model-written code in; without it the coding benchmarks say so and do not run
	@command -v bwrap >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq bubblewrap >/dev/null; } \
	  || echo "bubblewrap is missing: apt-get install bubblewrap"

postgresql:  # the store's tests start a private server of their own
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq postgresql >/dev/null; } \
	  || echo "PostgreSQL is missing: apt-get install postgresql"

docker:  # the tests of containers start a private engine of their own where none runs
	@command -v dockerd >/dev/null || docker version >/dev/null 2>&1 \
	  || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io >/dev/null; } \
	  || echo "Docker is missing: apt-get install docker.io"

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[math]'
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,all,swebench]'
	touch $@ $(VENV)/.base

clean:
	rm -rf $(VENV) results .mypy_cache .ruff_cache .pytest_cache .hypothesis
