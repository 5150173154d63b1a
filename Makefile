# hotops: `make demo` shows it, `make test lint` checks it. The environment in .venv is made when it is needed.

VENV     := .venv
BIN      := $(VENV)/bin
STAMP    := $(VENV)/.installed
# Two workers a core, of eight at most: the tests wait for servers and playbooks half of their time. `worksteal` keeps
# a module's tests on one worker, so that the server which they share is started once.
WORKERS  ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); [ $$n -lt 4 ] || n=4; expr 2 \* $$n)
XDIST    := -n $(WORKERS) --dist worksteal
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help demo test lint lint-style lint-types lint-layers lint-playbooks bench soak docs wheel clean
.DEFAULT_GOAL := help

help:  ## What there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

$(STAMP): pyproject.toml hatch_build.py .ci/constraints.txt .ci/make_venv
	@sh .ci/make_venv $(CURDIR)/$(VENV)
	@echo "Installing hotops and what its tests need into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint .ci/constraints.txt --editable '.[dev,db,backup,notify,sandbox,secrets]'
	@touch $@

demo: $(STAMP)  ## Promote staging to production in the sandbox, and show what happened
	@sh .ci/demo

test: $(STAMP)  ## All tests, with branch coverage
	$(BIN)/python -m pytest $(XDIST) --cov --cov-report=term:skip-covered $(ARGS)

lint: lint-style lint-types lint-layers lint-playbooks  ## Style, types, layers, playbooks

lint-style: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: $(STAMP)
	$(BIN)/mypy hotops

lint-layers: $(STAMP)
	$(BIN)/lint-imports --no-logo

lint-playbooks: $(STAMP)
	$(BIN)/ansible-lint

bench: $(STAMP)  ## Cost per task, start-up, a promotion's own time
	$(BIN)/python -m pytest tests/bench -m '' -s $(ARGS)

soak: $(STAMP)  ## The long forms of the sweeps whose short forms are in `make test`
	HOTOPS_SOAK=1 $(BIN)/python -m pytest -n auto tests/faults tests/backup -m '' --timeout 7200 $(ARGS)
	HOTOPS_SOAK=1 $(BIN)/python -m pytest -n auto tests -m soak --ignore tests/faults --ignore tests/backup --timeout 7200 $(ARGS)

docs: $(STAMP)  ## The reference of the modules, in build/docs
	@sh .ci/docs

wheel: $(STAMP)  ## The wheel and the sdist, in dist/
	$(BIN)/python -m build --no-isolation --outdir dist .

clean:  ## Everything that was made, but not the evidence of runs
	rm -rf $(VENV) build dist .coverage .coverage.* htmlcov .ansible .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find hotops tests playbooks roles -name __pycache__ -type d -prune -exec rm -rf {} +
