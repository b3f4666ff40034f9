# Two commands do all the set-up: `make demo` and `make test`. Nothing but Python (3.10 or newer) and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-slow lint wheels clean

demo: $(READY)
	$(BIN)/edge-nt demo --out demo

# In two processes of one thread each: small networks gain nothing from a second. What the first one said follows the rest,
# then come, with nothing beside them, those that measure times.
HALF := tests/cli tests/evaluation tests/export tests/study tests/training
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

# All that a cart without internet installs, each wheel pinned by its hash (docs/offline.md); for JetPack 6 as it stands.
# pip reads markers for the Python that it runs under, so uv chooses the versions, and pip fetches just those.
CART_PYTHON := 3.10
CART_MACHINE := aarch64
# The minor version of the cart's C library: 35 is glibc 2.35 of Ubuntu 22.04.
CART_GLIBC := 35
CART_EXTRAS := cart,parquet
CART_MORE :=
WHEELS := dist/cart-cp$(subst .,,$(CART_PYTHON))-$(CART_MACHINE)
UNFINISHED := $(WHEELS).unfinished
PIP := $(BIN)/python -m pip --disable-pip-version-check
RESOLVE := UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip compile - --quiet --no-header --no-annotate \
	--python-version $(CART_PYTHON) --python-platform $(CART_MACHINE)-manylinux_2_$(CART_GLIBC)
wheels: $(READY)
	@# The folder is replaced as a whole: somebody may have named a disk.
	@test ! -e $(WHEELS) || test -f $(WHEELS)/edge_nt-*.whl \
		|| { echo "Expected a new folder, or wheels. Got $(WHEELS). Fix: name another WHEELS=FOLDER" >&2; exit 2; }
	rm -rf $(UNFINISHED)
	$(PIP) wheel --quiet --no-deps --wheel-dir $(UNFINISHED) .
	set -e; own=$$(cd $(UNFINISHED) && echo "$$PWD"/edge_nt-*.whl); \
	printf '%s\n' "edge-nt[$(CART_EXTRAS)] @ file://$$own" $(CART_MORE) \
		| $(RESOLVE) -c constraints.txt --no-emit-package edge-nt -o $(UNFINISHED)/versions.txt
	$(PIP) download --quiet --no-deps --only-binary :all: --python-version $(CART_PYTHON) --implementation cp \
		$$(seq -f '--platform manylinux_2_%g_$(CART_MACHINE)' 17 $(CART_GLIBC)) --platform manylinux2014_$(CART_MACHINE) \
		-r $(UNFINISHED)/versions.txt --dest $(UNFINISHED)
	printf '%s\n' "edge-nt[$(CART_EXTRAS)]" $(CART_MORE) \
		| $(RESOLVE) --no-index --find-links $(UNFINISHED) --generate-hashes -o $(UNFINISHED)/requirements.txt
	rm $(UNFINISHED)/versions.txt
	rm -rf $(WHEELS) && mv $(UNFINISHED) $(WHEELS)
	@du -sh $(WHEELS)

# Rebuilt only when the dependencies change; the package itself is installed in place.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo dist export/build .pytest_cache .mypy_cache .ruff_cache
