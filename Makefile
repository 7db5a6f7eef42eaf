# make demo   from nothing to a leaderboard page; the README says how long it takes
# make test   the tests; make lint: ruff and mypy; make lock: pin the newest dependencies

PYTHON ?= $(shell for v in 3.12 3.13 3.11 3.10; do \
	python$$v -c 'import venv, ensurepip' 2>/dev/null && echo python$$v && break; done)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint lock bench clean
demo: .venv/installed
	$(BIN)/headwater demo

test: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/installed
	$(BIN)/headwater bench

# The lock is complete, so nothing is resolved; opencv comes headless, since plain opencv-python
# needs a libGL that servers lack.
.venv/installed: requirements.lock pyproject.toml
	@$(or $(PYTHON),false) -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || \
		{ echo "Headwater needs Python 3.10 to 3.13 with its venv module: install one, or say make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml requirements.in --extra test --universal --python-version 3.10 \
		--fork-strategy fewest --generate-hashes --no-annotate --no-header --no-emit-index-url \
		--overrides requirements.overrides --upgrade -o requirements.lock

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache
