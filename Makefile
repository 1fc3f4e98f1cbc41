# make run    the embedded study, from scans to report          make test   every test
# make bench  our ways against the published ones               make lock   resolve requirements.in anew
# make clean  remove results, logs and the simulated scans      (the environment is made by whichever comes first)

VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
READY := $(VENV)/.made-from-lock

.PHONY: run test bench lock clean environment check format

run: environment
	@$(BIN)/snakemake --cores $(CORES) --scheduler greedy --rerun-incomplete --quiet rules host
	@echo "The report is results/report/index.html"

test: environment
	$(BIN)/python -m pytest

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

# Needs uv; the lock holds no address, only versions and hashes. Then bring envs/*.yaml to the same versions.
lock:
	uv pip compile --universal --fork-strategy fewest --generate-hashes --python-version 3.11 --no-header --quiet \
	  --upgrade requirements.in --output-file requirements.lock

clean:
	rm -rf results logs resources/scans resources/truth resources/samples.tsv .snakemake
