# make demo   train on real digits          make test   all tests that need no GPU
# make check  lint, types, doc examples     make bench  speed of every op
# Each makes its own virtual environment; Python 3.10 or newer and make are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: demo test check lint types docs bench examples clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[examples,tensorboard]'
	touch $@

$(VENV)/.dev: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[examples,tensorboard,test,bench,dev]'
	touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	$(BIN)/python examples/digits.py --out out

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) tests

check: lint types docs bench-check examples

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.dev
	$(BIN)/python -m pytest -q --doctest-modules --doctest-glob='*.md' numbaflow kernels README.md CONTRIBUTING.md

bench-check: $(VENV)/.dev
	cd asv_bench && ../$(BIN)/asv check -E existing:../$(BIN)/python

bench: $(VENV)/.dev
	cd asv_bench && ../$(BIN)/asv machine --yes && ../$(BIN)/asv run -E existing:../$(BIN)/python --quick --show-stderr

examples: $(VENV)/.demo
	$(BIN)/python examples/digits.py --out out --epochs 20
	$(BIN)/python examples/iris.py --out out
	$(BIN)/python examples/higher_order.py --out out
	$(BIN)/python examples/linear_regression.py
	$(BIN)/python examples/line_search.py

clean:
	rm -rf $(VENV) build dist out *.egg-info
