# The virtual environment lies in the project's root; nothing outside the root is touched.
VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/installed
INPUTS := setup.py pyproject.toml constraints.txt taco_plugin.pth

.PHONY: setup demo test lint test-compiled

setup: $(INSTALLED)

$(INSTALLED): $(INPUTS)
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[lite,download,explore,yolo,dev]'
	touch $@

demo: $(INSTALLED)
	$(PYTHON) tools/demo.py

lint: $(INSTALLED)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test: $(INSTALLED)
	$(PYTHON) -m pytest -n 2 --dist loadfile

# Runs the whole suite with a compiled mmcv: make test-compiled WHEEL=path/to/mmcv-2.1.0-....whl
COMPILED := .venv-compiled
test-compiled: $(INPUTS)
	@test -n "$(WHEEL)" || { echo 'error: say WHEEL=path/to/mmcv-2.1.0-....whl' >&2; exit 2; }
	python3 -m venv $(COMPILED)
	$(COMPILED)/bin/python -m pip install --quiet --constraint constraints.txt '$(WHEEL)' --editable '.[dev]'
	$(COMPILED)/bin/python -m pytest -n 2 --dist loadfile
