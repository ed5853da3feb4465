# make demo   train on real digits          make test   all tests that need no GPU
# make check  lint, types, doc examples     make bench  speed of every op
# make ptx    CUDA kernels compiled, which needs no GPU, in a virtual environment with NVIDIA's compiler
# Each makes its own virtual environment; Python 3.10 or newer and make are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
CUDA := .venv-cuda

.PHONY: demo test simulated ptx check lint types docs bench examples clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[examples,tensorboard]'
	touch $@

$(VENV)/.dev: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[examples,tensorboard,test,bench,dev]'
	touch $@ $(VENV)/.demo

$(CUDA)/.ptx: setup.cfg pyproject.toml
	test -x $(CUDA)/bin/python || $(PYTHON) -m venv $(CUDA)
	$(CUDA)/bin/python -m pip install -q -e '.[cuda,test]'
	touch $@

demo: $(VENV)/.demo
	$(BIN)/python examples/digits.py --out out

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) tests
	$(MAKE) simulated

# CUDA kernels run by numba-cuda's simulator
simulated: $(VENV)/.dev
	NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest -n $(WORKERS) \
		tests/devices tests/kernels/cuda tests/graph/cuda tests/test_gpu_benches.py

# and compiled for two architectures; what each kernel takes is written to out/
ptx: $(CUDA)/.ptx
	mkdir -p out && rm -f out/cuda_resources.tsv
	NUMBAFLOW_CUDA_RESOURCES=out/cuda_resources.tsv \
		$(CUDA)/bin/python -m pytest -n $(WORKERS) -m ptx tests/devices tests/kernels/cuda tests/graph/cuda

check: lint types docs bench-check examples

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.dev
	$(BIN)/python -m pytest -q --doctest-modules --doctest-glob='*.md' --ignore=kernels/cuda \
		numbaflow kernels README.md CONTRIBUTING.md

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
	rm -rf $(VENV) $(CUDA) build dist out *.egg-info
