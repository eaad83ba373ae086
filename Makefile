# The virtual environment lies in the project's root; nothing outside the root is touched.
VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/installed
INPUTS := setup.py pyproject.toml constraints.txt taco_plugin.pth

.PHONY: setup demo test lint

setup: $(INSTALLED)

$(INSTALLED): $(INPUTS)
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[lite,download,explain,explore,export,yolo,search,dev]'
	touch $@

demo: $(INSTALLED)
	$(PYTHON) tools/demo.py

lint: $(INSTALLED)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test: $(INSTALLED)
	$(PYTHON) -m pytest -n 2 --dist loadfile
