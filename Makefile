# make demo    the five hunts: programs with a bug, found, shown, replayed
# make test    the engine's tests and all others; what CI runs
# make lint    ruff, mypy --strict, the contract of the rooms
# make bench   the speed tables     make docs    the manual, in build/docs     make clean
#
# Needs python3 with venv and pip, make, and a C++20 compiler. PYTHON=python3.13 takes another Python; each has a
# virtual environment of its own (VENV). PYTEST_ARGS are handed to pytest.

PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
DEFAULT_VERSION := $(shell python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV ?= .venv$(if $(filter-out $(DEFAULT_VERSION),$(VERSION)),-$(VERSION))
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
PYTEST_ARGS ?=
REPORT ?= build/reports/tests-$(VERSION).xml
JOBS := $(shell nproc 2>/dev/null || echo 2)

# What the installed package is made of.
PACKAGE := $(shell find src native cases -name '*.py' -o -name '*.[ch]pp' -o -name 'py.typed' -o -name '*.pyi' -o -name '*.md' -o -name '*.html') \
           pyproject.toml CMakeLists.txt

.PHONY: demo test core-tests sample lint bench docs outputs sdist clean help
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# \{0,1\}//; 1,3p' Makefile

demo: $(STAMPS)/requirements-demo $(STAMPS)/package
	@$(BIN)/unblink demo

test: core-tests $(STAMPS)/test
	@mkdir -p $(dir $(REPORT))
	@$(BIN)/pytest --junitxml=$(REPORT) $(PYTEST_ARGS)

# What is run on the Pythons beside the default one: all but what takes long and does not depend on the Python.
SAMPLE := $(wildcard tests/unit tests/conformance tests/determinism tests/golden)
sample: $(STAMPS)/test
	@mkdir -p $(dir $(REPORT))
	@$(BIN)/pytest --junitxml=$(REPORT) $(PYTEST_ARGS) $(SAMPLE)

LINTERS := "ruff check --output-format=concise ." "ruff format --check ." "mypy" "lint-imports --no-logo"
lint: $(STAMPS)/dev
	@failed=0; for linter in $(LINTERS); do echo "make: $$linter"; $(BIN)/$$linter || failed=1; done; exit $$failed

bench: $(STAMPS)/test
	@$(BIN)/python -m benchmarks

docs: $(STAMPS)/docs
	@$(BIN)/sphinx-build -W -q -b html docs build/docs
	@echo "the manual: build/docs/index.html"

# Writes the output blocks of README and docs anew. (CI compares them: tests/unit/project.)
outputs: $(STAMPS)/test
	@$(BIN)/python docs/outputs.py --write

sdist: $(STAMPS)/dev
	@$(PIP) install build
	@$(BIN)/python -m build --sdist --outdir dist .

clean:
	rm -rf .venv .venv-* build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .nox

# ---------------------------------------------------------------- environments

$(STAMPS)/venv:
	@echo "make: $(VENV) for Python $(VERSION)"
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS)
	@$(PIP) install "scikit-build-core>=0.10" "greenlet>=3.1" cmake ninja
	@touch $@

# Built in the environment itself, so that a second build compiles only what has changed.
$(STAMPS)/package: $(STAMPS)/venv $(PACKAGE)
	@echo "make: building and installing unblink"
	@PATH="$(abspath $(BIN)):$$PATH" $(PIP) install --no-build-isolation .
	@touch $@

# What an extra of pyproject.toml asks for, but for the project itself.
REQUIRED = $(BIN)/python -c 'import sys, tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; print("\n".join(r for name in sys.argv[1:] for r in extras[name] if not r.startswith("unblink")))'

$(STAMPS)/requirements-%: $(STAMPS)/venv pyproject.toml
	@echo "make: installing what $(subst -, and ,$*) needs"
	@$(REQUIRED) $(subst -, ,$*) > $@.txt && $(PIP) install --requirement $@.txt
	@touch $@

$(STAMPS)/test: $(STAMPS)/requirements-test $(STAMPS)/package
	@touch $@

$(STAMPS)/dev: $(STAMPS)/requirements-test-dev $(STAMPS)/package
	@touch $@

$(STAMPS)/docs: $(STAMPS)/requirements-docs $(STAMPS)/package
	@touch $@

# ---------------------------------------------------------------- the engine's tests: no Python, no CMake

CORE ?= build/core
CORE_SOURCES := $(wildcard native/core/*.cpp native/core/strategies/*.cpp native/core/tests/*.cpp)
CORE_OBJECTS := $(CORE_SOURCES:%.cpp=$(CORE)/%.o)
CORE_FLAGS := -std=c++20 -O1 -g -Wall -Wextra $(SANITIZE)

core-tests:
	@$(MAKE) --no-print-directory -j$(JOBS) $(CORE)/core_tests
	@$(CORE)/core_tests

$(CORE)/core_tests: $(CORE_OBJECTS)
	@$(CXX) $(CORE_FLAGS) $^ -o $@

$(CORE)/%.o: %.cpp Makefile
	@mkdir -p $(dir $@)
	@echo "make: compiling $<"
	@$(CXX) $(CORE_FLAGS) -MMD -MP -c $< -o $@

# The same under AddressSanitizer and UndefinedBehaviorSanitizer.
.PHONY: core-sanitized
core-sanitized:
	@$(MAKE) --no-print-directory core-tests CORE=build/core-sanitized SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined"

-include $(CORE_OBJECTS:.o=.d)
