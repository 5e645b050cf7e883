# The README's two commands. Both set up everything they need in .venv from a bare clone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint clean

demo: $(VENV)/core.done
	$(BIN)/edgekit demo --output demo-out

test: $(VENV)/test.done lint
	$(BIN)/python -m pytest

lint: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/mypy edgekit

clean:
	rm -rf $(VENV) build dist demo-out *.egg-info

$(VENV)/core.done: setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/test.done: $(VENV)/core.done
	$(PIP) --editable '.[keras,torch,images,adb,serial,zig,sign,service,tflm,vela,test]'
	touch $@
