PYTHON ?= python3
UV     := 0.13.9
BIN    := .venv/bin
READY  := .venv/.ready
ARGS   ?=
PEERS  := celery django limit procrastinate

# Downloads trust what the machine trusts; pip, uv and requests bring lists of their own otherwise, and fail behind a company's proxy.
TRUSTED := $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt))
ifneq ($(TRUSTED),)
export PIP_CERT ?= $(TRUSTED)
export REQUESTS_CA_BUNDLE ?= $(TRUSTED)
export SSL_CERT_FILE ?= $(TRUSTED)
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup up demo test faults bench bench-scan check format-check lint types imports generated format generate hooks clean

help: ## list the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything in it (the first time with Python 3.11+ and the network)

$(READY): pyproject.toml uv.lock Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "This needs Python 3.11 or newer, and \`$(PYTHON)\` is $$($(PYTHON) --version 2>&1). Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip --disable-pip-version-check install --quiet uv==$(UV)
	UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --frozen --quiet
	@touch $@

up: setup ## run PostgreSQL, Kafka and all services, until Ctrl-C
	@exec $(BIN)/sewa up

demo: setup ## see the whole story in two minutes, on a platform of its own
	@exec $(BIN)/sewa demo

test: setup ## run all tests, two at a time; ARGS="-k word tests/unit" picks some
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

faults: setup ## break everything for 15 minutes under load, and judge; PROFILE=smoke|gate|soak, SEED=n
	$(BIN)/python -m tests.faults --profile $(or $(PROFILE),gate) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: setup $(PEERS:%=.venv/peers/%/.ready) ## measure the platform beside other designs, in turns, in half an hour; ARGS="--rounds 1 --scale 0.2" is faster
	$(BIN)/python -m bench $(ARGS)

bench-scan: setup ## measure the scan among 10,000,000 open bookings (needs 5 GB of disk)
	$(BIN)/python -m bench --scan $(ARGS)

.venv/peers/%/.ready: $(READY)
	UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=$(@D) $(BIN)/uv sync --frozen --quiet --no-install-project --only-group peer-$* --python $(BIN)/python
	@touch $@

check: format-check lint types imports generated test ## run exactly what CI runs

format-check: setup ## check that the code is formatted
	$(BIN)/ruff format --check

lint: setup ## look for mistakes in the code
	$(BIN)/ruff check

types: setup ## check the types
	$(BIN)/mypy

imports: setup ## check who imports what
	$(BIN)/lint-imports --no-logo

generated: setup ## check the pages that are made from code
	$(BIN)/python -m services.booking.picture --check
	$(BIN)/python -m services.cli.settings_page --check
	$(BIN)/python -m ops.grafana.draw --check

format: setup ## format the code and sort its imports
	$(BIN)/ruff check --select I --fix
	$(BIN)/ruff format

generate: setup ## write what is made from code: message schemas, pages of docs/, dashboards
	$(BIN)/python -m contracts.publish
	$(BIN)/python -m services.booking.picture
	$(BIN)/python -m services.cli.settings_page
	$(BIN)/python -m ops.grafana.draw

hooks: setup ## check format, lint, types and imports at every commit
	$(BIN)/pre-commit install

clean: ## remove .venv and caches; what `make up` has stored stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find bench contracts services tests -name __pycache__ -type d -prune -exec rm -rf {} +
