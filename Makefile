# `make demo` runs the main job, `make test` passes the tests; both on a fresh machine with Python 3.11+, git and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BROWSER_STAMP := $(VENV)/.browser

.PHONY: demo test test-slow test-browser soak fuzz check format lint types imports deadcode bench docs screens clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Ralph needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(BROWSER_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,browser]'
	@touch $@

demo: $(STAMP)
	$(BIN)/ralph demo

# one worker more than processors: a test waits for processes and disks a third of its time
test: $(STAMP)
	$(BIN)/python -m pytest -n $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)') -q -m "not slow and not soak and not browser"

test-slow: $(STAMP)
	$(BIN)/python -m pytest -n auto -q -m "slow and not soak"

# needs a Chromium on PATH (Debian: apt install chromium); without one the tests say so and are skipped
test-browser: $(BROWSER_STAMP)
	$(BIN)/python -m pytest -n auto -q -m browser tests/browser

soak: $(STAMP)
	RALPH_SOAK=1 RALPH_FUZZ=10000 $(BIN)/python -m pytest -n auto -q --timeout 36000 -s tests/faults tests/hostile tests/cheats tests/tracing/redaction tests/prd/test_prd_fuzz.py

fuzz: $(STAMP)
	RALPH_FUZZ=10000 $(BIN)/python -m pytest -n auto -q --timeout 3600 tests/prd/test_prd_fuzz.py

check: format lint types imports deadcode

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(BROWSER_STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

deadcode: $(STAMP)
	$(BIN)/vulture

bench: $(STAMP)
	$(BIN)/python -m benchmarks

docs: $(STAMP) screens
	$(BIN)/python -m ralph.cli.page docs
	$(BIN)/python -m ralph.settings.page > docs/settings.md

# the terminal's from a recorded run, the viewer's from the demo in a Chromium (as for test-browser)
screens: $(BROWSER_STAMP)
	$(BIN)/python -m ralph.live.screenshots docs/screens
	$(BIN)/python -m tests.browser.screens docs/screens

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
