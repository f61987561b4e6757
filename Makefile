# Every target does its own set-up, and does nothing that is done already.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Where it is set, each of the many processes of a test run would compile all of our modules anew.
export PYTHONDONTWRITEBYTECODE :=

BIN := .venv/bin
INSTALLED := .venv/.installed
LOCKED := .venv/.locked
FUZZER := .venv/.fuzzer
KAFKA := .cache/kafka/manifest.json
AJV := .cache/ajv/.tried
SIDE_BY_SIDE := -n auto --dist loadfile --no-loadscope-reorder

##@ Use

.PHONY: demo
demo: setup ## Watch the sample sites with everything running; FOR=30 ends after 30 s
	@exec $(BIN)/sitemon demo $(if $(FOR),--for $(FOR))

.PHONY: setup
setup: $(INSTALLED) $(KAFKA) ## Make .venv with everything in it, and fetch Apache Kafka
	@:

##@ Develop

.PHONY: test
test: setup $(AJV) ## Run all tests, or those of T=path
	@$(BIN)/python -m tests.kafka_classes
	@$(BIN)/pytest $(T) $(SIDE_BY_SIDE) $(REPORT)

.PHONY: coverage
coverage: REPORT = --cov --cov-report=term:skip-covered
coverage: test ## Run them and report which lines and branches they reach

.PHONY: faults
faults: setup ## Run the long fault scenarios, or those of T=path; about 25 minutes
	@$(BIN)/pytest $(or $(T),tests/faults) -m faults -n 2 --dist loadfile -v

.PHONY: soak
soak: setup ## Break everything at random for MINUTES=30 at 500 checks a second
	@$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),30)

.PHONY: interop
interop: setup ## Compare checks of the real servers that are installed with curl, openssl and dig; about a minute
	@PATH="$$PATH:/usr/sbin" $(BIN)/python -m tests.interop

.PHONY: fuzz
fuzz: setup $(FUZZER) ## Feed all that reads bytes of others for MINUTES=5, or T=name: what fails stays in .cache/fuzz
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),5) $(if $(T),--only $(T))

.PHONY: lint
lint: $(INSTALLED) ## Check format, style and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

.PHONY: format
format: $(INSTALLED) ## Format the code, and mend what can be mended by itself
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: bench
bench: setup ## Run the short benchmarks, or those of B=name; under 15 minutes
	@$(BIN)/python -m bench $(B)

.PHONY: bench-full
bench-full: setup ## Run all benchmarks of docs/benchmarks.md; under 75 minutes
	@$(BIN)/python -m bench --full

.PHONY: bench-compare
bench-compare: setup ## Run the short ones, or B=name; fail when a ratio is 15 % behind the stored one
	@$(BIN)/python -m bench --compare $(B)

.PHONY: lock
lock: ## Pin the newest dependencies that pyproject.toml allows, with hashes
	@python3 -m venv .cache/lock-venv
	@.cache/lock-venv/bin/pip install --quiet --require-hashes -r deploy/uv.txt
	@$(BUILD_REQUIRES) | $(COMPILE) --all-extras --no-strip-extras --output-file requirements.lock pyproject.toml -
	@echo uv | $(COMPILE) --output-file deploy/uv.txt -
	@$(COMPILE) --group fuzz --output-file deploy/fuzz.txt

.PHONY: lock-kafka
lock-kafka: ## Pin Kafka's jars by hash, after a change of deploy/kafka/pom.xml
	@rm -rf .cache/lock-kafka
	@mvn -q -B --strict-checksums --file=deploy/kafka/pom.xml dependency:copy-dependencies \
		-DoutputDirectory=$(CURDIR)/.cache/lock-kafka
	@cd .cache/lock-kafka && sha256sum *.jar > $(CURDIR)/deploy/kafka/jars.sha256

##@ Help

.PHONY: help
help: ## Show this
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# The build backend is in the lock too: under hashes, pip cannot fetch it by itself.
BUILD_REQUIRES = python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'

# The uv that the last lock was made with, by its hash; a new lock pins the next one.
COMPILE = .cache/lock-venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

# The distribution's Python first: it is built with profile-guided optimization, which pyenv leaves out unless told
# otherwise, and which is worth a tenth of a check.
.venv/bin/python:
	@python=$$(for name in /usr/bin/python3 python3 python3.11 python3.12 python3.13 python3.14; do \
		if $$name -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then echo $$name; break; fi; \
	done); \
	if [ -z "$$python" ]; then \
		echo "setup: Python 3.11 or newer with venv is missing: apt install python3-venv" >&2; exit 1; fi; \
	echo "setup: making .venv with $$($$python --version), $$python"; \
	$$python -m venv --clear .venv

# What pip says, as one line that grows; on a terminal it is written over.
PROGRESS = awk -v all=$$(grep -c '==' requirements.lock) -v end=$$(test -t 1 && echo '\r' || echo '\n') ' \
	/^Collecting/ { printf "setup: fetching %d of up to %d: %-40s%s", ++n, all, $$2, end } \
	/^Installing/ { printf "%-80s%ssetup: installing %d packages\n", "", end, n } { fflush() }'

$(LOCKED): requirements.lock | .venv/bin/python
	@echo "setup: fetching and installing what requirements.lock pins, which takes about a minute"
	@$(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements.lock | $(PROGRESS)
	@touch $@

$(INSTALLED): $(LOCKED) pyproject.toml
	@echo "setup: installing sitemon itself"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What libFuzzer is in has a file of its own, so that nothing else needs it.
$(FUZZER): deploy/fuzz.txt | $(INSTALLED)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r deploy/fuzz.txt
	@touch $@

# Without npm, or what it fetches from, it only says so, once, and one test is skipped.
$(AJV): deploy/ajv/package-lock.json
	@mkdir -p .cache/ajv
	@cp deploy/ajv/*.json .cache/ajv
	@timeout 45 npm ci --prefix .cache/ajv --silent --ignore-scripts --fetch-retries=0 || echo "setup: no npm, or it fetches nothing: ajv tries no schema"
	@touch $@

# Without Maven and KAFKA_HOME it only says so, and asks again next time.
$(KAFKA): deploy/kafka/pom.xml | $(INSTALLED)
	@$(BIN)/python -m sitemon.local.kafka_files
