# make run     the embedded study, or that in STUDY=folder        make test     the tests, on all cores; 10 min on two
# make sheet   FOLDER=scans: a sample sheet to fill in           make nightly  every test, with more examples: hours
# make scans   FOLDER=scans: level, draw and measure scans       (OUT=scans-measured LEVELLING=median, without a study)
# make verify  recompute a tenth of the results, compare bytes   make bench    times against the published implementation
# make compare A=results B=other/results: two runs compared      make audit    known vulnerabilities of the locked packages
# make clean   remove results, logs and the simulated scans      make docs     the documentation site; make lock: resolve again
# (each makes the environment first, if it is missing)

VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
READY := $(VENV)/.made-from-lock
TESTABLE := $(VENV)/.made-for-tests
MICROGRAPH := $(BIN)/micrograph

.PHONY: run sheet scans verify compare test nightly bench audit lock clean environment check docs format

# STUDY is the study's folder, here and below.
STUDY ?= .
run: environment
	@$(MICROGRAPH) run --directory "$(STUDY)" --cores $(CORES)

# SHEET=samples.tsv (or .csv, .xlsx) is the sheet to write.
SHEET ?= samples.tsv
sheet: environment
	@$(MICROGRAPH) sheet "$(FOLDER)" --sheet "$(SHEET)"

# OUT is the folder to make, LEVELLING published, median or facet.
OUT ?= scans-measured
LEVELLING ?= published
scans: environment
	@$(MICROGRAPH) scans "$(FOLDER)" --out "$(OUT)" --levelling "$(LEVELLING)"

# SHARE=0.1 of the results is drawn with SEED=number (default: random, and printed) from ONLY='results/tables/*' (default:
# all) of the study in STUDY=folder.
verify: environment
	@$(MICROGRAPH) verify --folder "$(STUDY)" --cores $(CORES) \
	  $(if $(SHARE),--share $(SHARE)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)")

compare: environment
	@$(BIN)/python -m micrograph.provenance.compare "$(A)" "$(B)" $(if $(FILES),--files)

# tests/README.md explains the markers; TESTS="tests/unit -k splits" runs some tests.
test: $(TESTABLE)
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist worksteal --durations 20 $(TESTS)

# Tests that kill runs, change clocks or need a cluster run one after another.
nightly: $(TESTABLE)
	FAULTS=nightly OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist worksteal --durations 20
	FAULTS=nightly $(BIN)/python -m pytest -m "nightly or cluster" --durations 20

# PICTURES is a folder of real micrographs with a samples.tsv, which the benchmark realism compares with.
PICTURES ?= $(wildcard ../shared/micrographs/real)
bench: $(TESTABLE)
	$(BIN)/python -m benchmarks $(if $(PICTURES),--pictures "$(PICTURES)")

environment: $(READY)

# The workflow's packages and this project itself, as `pip install -e .` would. TORCH=cpu takes another build of PyTorch.
ifdef TORCH
.PHONY: $(READY)
endif
$(READY): requirements.lock
	@TORCH=$(TORCH) sh workflow/make-environment.sh $(VENV) requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $@

# What tests need beyond it.
$(TESTABLE): requirements-test.lock $(READY)
	@sh workflow/make-environment.sh $(VENV) requirements-test.lock add
	@touch $@

# Format, lint, types and the documentation, as CI does.
check: $(TESTABLE) docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/oxlint --quiet --ignore-pattern vendor workflow/report/page
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# The documentation site, into site/; a broken link or anchor is an error.
docs: $(TESTABLE)
	$(BIN)/zensical build --strict --clean

format: $(TESTABLE)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow
	$(BIN)/python -m micrograph.config_reference

# In an environment of its own; needs network access.
audit:
	python3 -m venv --clear .audit
	.audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	.audit/bin/pip-audit --requirement requirements.lock --requirement requirements-test.lock --require-hashes \
	  --disable-pip --strict

lock:
	sh workflow/make-lock.sh --upgrade

# Of resources/scans only simulated shards, which have ground truth in resources/truth; other scans may be a user's own.
clean:
	for shard in resources/truth/*; do rm -rf "resources/scans/$${shard##*/}"; done
	rm -rf results logs resources/truth resources/samples.tsv .snakemake
