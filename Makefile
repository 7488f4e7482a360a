# `make demo` and `make test` do all their own set-up: they need Python, make and a package registry.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
PROCESSES ?= 3
SOURCES := LiverTumorSeg LiverTumorSegLib Resources Testing

.PHONY: demo test check tables bench nnunet gpu-check stress screenshots cmake-lists clean

demo: $(VENV)/product
	$(BIN)/livertumorseg demo --output demo --overwrite

test: $(VENV)/test
	$(BIN)/python Testing/support/system_libraries.py
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations=30 $(PYTEST)

check: $(VENV)/test
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	cd Testing && ../$(BIN)/python -m support.document_tables

# The tables in the documentation that the program makes.
tables: $(VENV)/test
	cd Testing && ../$(BIN)/python -m support.document_tables --write

bench: $(VENV)/test
	$(BIN)/python Testing/benchmarks/segment.py
	$(BIN)/python Testing/benchmarks/worker.py
	$(BIN)/python Testing/benchmarks/click.py
	$(BIN)/python Testing/benchmarks/web.py
	$(BIN)/python Testing/benchmarks/preprocessing.py
	$(BIN)/python Testing/benchmarks/cohort.py
	$(BIN)/python Testing/benchmarks/evaluation.py
	$(BIN)/python Testing/benchmarks/training.py
	$(BIN)/python Testing/benchmarks/dicom.py
	$(BIN)/python Testing/benchmarks/first_sign.py
	$(BIN)/python Testing/benchmarks/nnunet.py

# Labels beside those of nnunetv2, which gets an environment of its own, of some sixty packages; NNUNET names another.
nnunet: $(VENV)/test
	cd Testing && ../$(BIN)/python -m reference.nnunet.compare --environment $(or $(NNUNET),../build/nnunet)

# For whoever has a CUDA GPU: a page and a JSON file in gpu-check/. Without one all is skipped by name.
gpu-check: $(VENV)/test
	$(BIN)/python Testing/gpu_check.py --output gpu-check

# Hours: SHARE=0.01 makes a hundredth of the tries.
stress: $(VENV)/test
	cd Testing && ../$(BIN)/python -m robustness.stress --share $(or $(SHARE),1)

screenshots: $(VENV)/test
	$(BIN)/python Testing/screenshots/panel.py
	$(BIN)/python Testing/screenshots/earlier_ct.py
	$(BIN)/python Testing/screenshots/sample_icon.py
	$(BIN)/python Testing/screenshots/evaluation.py
	$(BIN)/python Testing/screenshots/reproductions.py
	$(BIN)/python Testing/screenshots/web.py
	$(BIN)/python Testing/screenshots/pacs.py
	mkdir -p build
	$(BIN)/livertumorseg phantom build/ct.nii.gz --seed 3 --overwrite
	$(BIN)/livertumorseg preprocess build/ct.nii.gz --chain kulkarni --overwrite \
		--save Resources/Screenshots/preprocessing.png

# The files that the extension's CMake packages: run it after adding, moving or removing one.
cmake-lists:
	$(PYTHON) Testing/support/cmake_lists.py --write

$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/product: pyproject.toml constraints.txt | $(VENV)/python
	$(INSTALL) --editable .
	@touch $@

$(VENV)/test: $(VENV)/product
	$(INSTALL) --editable ".[test,mrml]"
	@touch $@

clean:
	rm -rf $(VENV) demo build gpu-check *.egg-info
