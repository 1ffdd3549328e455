# Everything is installed into .venv by the target that needs it; no root, no Docker, no manual step.

VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that can make an environment: `make PYTHON=...` to choose another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
	>/dev/null 2>&1 && echo $$python && break; done)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check chaos fuzz datasets bench docs clean

demo: $(VENV)/.drawing ## Draw examples/prompts.txt with seeds 0-3 into demo-out/
	SDQ_HOME=$(CURDIR)/demo-out $(BIN)/sdq run examples/prompts.txt --seed-range 0-3 --guidance-scale 3.5 --batch demo
	SDQ_HOME=$(CURDIR)/demo-out $(BIN)/sdq sheet demo demo-out/sheet.png
	grep postcard examples/prompts.txt | SDQ_HOME=$(CURDIR)/demo-out $(BIN)/sdq run - --seed-range 0-3 --model demo-turbo --batch few-steps
	SDQ_HOME=$(CURDIR)/demo-out $(BIN)/sdq sheet few-steps demo-out/few-steps.png
	SDQ_HOME=$(CURDIR)/demo-out $(BIN)/sdq status
	SDQ_HOME=$(CURDIR)/demo-out $(BIN)/sdq redis stop

# Three at a time on two cores: many tests wait for a process of theirs.
test: $(VENV)/.developing ## Run all tests
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal

chaos: $(VENV)/.developing ## Kill everything at random for SECONDS [600] on HOSTS [1]; SEED repeats a storm
	$(BIN)/python -m tests.chaos --seconds $(or $(SECONDS),600) --hosts $(or $(HOSTS),1) $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/.developing ## Look for packages that break the reader for SECONDS [60]; SEED repeats a search
	-@$(INSTALL) atheris 2>/dev/null || echo "No atheris for this Python: searching at random."
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

datasets: $(VENV)/.developing ## Read exports with the tools that they are made for
	$(INSTALL) --requirement tests/readers/requirements.txt
	HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 $(BIN)/python -m pytest tests/readers/read_*.py

# What each compares stands in its file's first lines.
BENCHMARKS := drain beside one_process_per_image submit record steps floor memory scale
bench: $(VENV)/.developing ## Measure everything on an idle machine; ONLY="drain steps" measures these
	for name in $(or $(ONLY),$(BENCHMARKS)); do $(BIN)/python -m benchmarks.$$name || exit; done

check: $(VENV)/.developing ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.developing ## Write docs/cli.md and the table of docs/columns.md from the program
	$(BIN)/python tools/write_cli_reference.py
	$(BIN)/python tools/write_columns.py

clean: ## Remove what the other targets made
	rm -rf $(VENV) demo-out

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "sdq needs Python 3.11 to 3.14 with the venv module; install one and run make again."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.drawing: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[onnx]'
	@touch $@

$(VENV)/.developing: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.drawing
