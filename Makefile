# make run     the embedded study, from scans to report         make test     the tests, on all cores: 10 to 20 min on two
# make sheet   FOLDER=scans: a sample sheet to fill in           make nightly  every test, with more examples: hours
# make verify  recompute a tenth of the results, compare bytes   make bench    our ways against the published ones
# make compare A=results B=other/results: two runs compared      make audit    known weaknesses of what is locked
# make clean   remove results, logs and the simulated scans      make lock     resolve requirements.in anew
# (the environment is made by whichever comes first)

VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
READY := $(VENV)/.made-from-lock

.PHONY: run sheet verify compare test nightly bench audit lock clean environment check format

run: environment
	@PYTHONPATH=workflow $(BIN)/snakemake --cores $(CORES) --scheduler greedy --rerun-incomplete --logger progress

# SHEET=samples.tsv names the sheet.
SHEET ?= samples.tsv
sheet: environment
	@PYTHONPATH=workflow $(BIN)/python -m micrograph.scans.make_sheet "$(FOLDER)" --sheet "$(SHEET)"

# A share (SHARE=0.1) is drawn by SEED=number, else by a new one, which is printed; ONLY='results/tables/*' draws among
# these; STUDY=folder is another --directory.
STUDY ?= .
verify: environment
	@$(BIN)/python workflow/verify.py --folder "$(STUDY)" --cores $(CORES) \
	  $(if $(SHARE),--share $(SHARE)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)")

compare: environment
	@PYTHONPATH=workflow $(BIN)/python -m micrograph.provenance.compare "$(A)" "$(B)" $(if $(FILES),--files)

# Which tests run when stands in tests/README.md; TESTS="tests/unit -k splits" runs some of them.
test: environment
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist worksteal --durations 20 $(TESTS)

# What kills, jumps clocks or needs a cluster runs one after another.
nightly: environment
	FAULTS=nightly OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist worksteal --durations 20
	FAULTS=nightly $(BIN)/python -m pytest -m "nightly or cluster" --durations 20

bench: environment
	$(BIN)/python -m benchmarks

environment: $(READY)

$(READY): requirements.lock
	@sh workflow/make-environment.sh $(VENV) requirements.lock
	@touch $@

# Format and lint, as CI does.
check: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: environment
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow
	PYTHONPATH=workflow $(BIN)/python -m micrograph.config_reference

# In an environment of its own, for it is no part of the study; needs the network.
audit:
	python3 -m venv --clear .audit
	.audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	.audit/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict

# Needs uv; the lock holds no address, only versions and hashes. Then bring envs/*.yaml to the same versions.
lock:
	uv pip compile --universal --fork-strategy fewest --generate-hashes --python-version 3.11 --no-header --quiet \
	  --upgrade requirements.in --output-file requirements.lock

# Of resources/scans what was simulated, which has its truth beside: other scans there are somebody's own.
clean:
	for shard in resources/truth/*; do rm -rf "resources/scans/$${shard##*/}"; done
	rm -rf results logs resources/truth resources/samples.tsv .snakemake
