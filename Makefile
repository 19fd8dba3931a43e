# The whole set-up. `make run` starts the web chat; `make test` is what CI calls. PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OKA := $(BIN)/oka
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run test eval bench llm-check browser-tools fix clean install

run: $(VENV)/.installed
	@$(OKA) fetch --once --time-limit 90 || true
	@$(OKA) build
	@$(OKA) serve

install: $(VENV)/.installed

# Files in their order: by their number of tests, the long ones of few tests would come last, on one core alone.
test: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

eval: $(VENV)/.installed-test
	$(OKA) build
	$(BIN)/python -m evals

bench: $(VENV)/.installed-test
	$(BIN)/python -m evals.bench

# A real, badly behaved model against the sentence check; takes 200 MB and some ten minutes.
llm-check: $(VENV)/.installed-test
	$(BIN)/python -m evals.llm_check

# What the browser tests need beside Debian's chromium: axe-core, which checks accessibility. Without it that test is skipped.
browser-tools: node_modules/axe-core/axe.min.js

node_modules/axe-core/axe.min.js:
	npm install --prefix . --no-save --no-package-lock --no-audit --no-fund axe-core@4.14.1

fix: $(VENV)/.installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) var node_modules .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "oka needs Python 3.11 or newer; name one with: make PYTHON=python3.12 run")'
	@$(PYTHON) -m venv $(VENV)

# A Linux machine without an NVIDIA driver needs no CUDA: PyTorch's own index of CPU wheels is added where it answers within 3 s.
$(VENV)/.cpu-index: | $(BIN)/python
	@$(BIN)/python .ci/cpu_index.py > $@

$(VENV)/.installed: pyproject.toml constraints.txt $(VENV)/.cpu-index
	@echo "installing oka into $(VENV) (a few minutes the first time)"
	@$(INSTALL) $$(cat $(VENV)/.cpu-index) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@$(INSTALL) $$(cat $(VENV)/.cpu-index) --editable '.[test]'
	@touch $@
