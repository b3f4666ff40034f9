# Two commands do all the set-up: `make demo` and `make test`. Nothing but Python (3.10 or newer) and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-slow lint clean

demo: $(READY)
	$(BIN)/edge-nt demo --out demo

# In two processes of one thread each: small networks gain nothing from a second. What the first one said follows the rest,
# then come, with nothing beside them, those that measure times.
HALF := tests/cli tests/evaluation tests/export tests/study tests/training tests/workbench
ALONE := tests/bench tests/test_cart_install.py
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
test: $(READY)
	@$(PYTEST) $(HALF) > $(VENV)/half.log 2>&1 & half=$$!; trap 'kill $$half' INT TERM; \
	$(PYTEST) $(addprefix --ignore=,$(HALF) $(ALONE)); rest=$$?; \
	wait $$half; half=$$?; cat $(VENV)/half.log; \
	$(PYTEST) $(ALONE); alone=$$?; exit $$((half | rest | alone))

# What takes long and shows a second time what `make test` shows.
test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Rebuilt only when the dependencies change; the package itself is installed in place.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo export/build .pytest_cache .mypy_cache .ruff_cache
