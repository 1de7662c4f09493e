# Everything a person types. `make help` lists it; longer work lives in deploy/install/ and deploy/*.py.

PORT ?= 8000
export PORT
TEST_PROCESSES ?= 3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input --require-hashes
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-reset stack stack-reset test check format chaos bench-smoke bench-intake bench-delivery bench-pages load-spike lock strings settings-table pictures packages

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUN_STAMP) ## Try it: everything in one process on http://localhost:$PORT (8000), no database, no broker
	@exec $(BIN)/python -m deploy.demo

demo-reset: ## Forget what was written in the demo
	@rm -rf var/demo && echo "var/demo is empty"

stack: $(RUN_STAMP) ## Run the real processes here, on private PostgreSQL and RabbitMQ and behind nginx, on $PORT
	@sh deploy/install/debian_packages.sh rabbitmq-server postgresql nginx-light
	@exec $(BIN)/python -m deploy.stack

stack-reset: ## Forget everything the stack kept
	@rm -rf var/stack && echo "var/stack is empty"

test: $(DEV_STAMP) packages ## Check and test everything; as root on Debian, install the servers the tests need
	@$(MAKE) --no-print-directory check
	@exec $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder $(ARGS)

chaos: $(DEV_STAMP) packages ## Kill, freeze and cut off for minutes what `make test` does for seconds (W4R_CHAOS_TIMES, 20)
	@W4R_CHAOS_TIMES=$${W4R_CHAOS_TIMES:-20} exec $(BIN)/python -m pytest tests/chaos tests/contract/test_delivery_state_machine.py $(ARGS)

check: $(DEV_STAMP) ## Lint, format check, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV_STAMP) ## Format and sort what can be
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-smoke: $(DEV_STAMP) packages ## Measure for under two minutes, into var/bench/smoke.json
	@exec $(BIN)/python -m tests.load.smoke

load-spike: $(DEV_STAMP) packages ## Send a launch at the real stack, break it in the middle, draw what happened
	@exec $(BIN)/python -m tests.load.spike

bench-intake: $(DEV_STAMP) packages ## Measure intake against its goals for five minutes, into var/bench/intake.json
	@exec $(BIN)/python -m tests.load.intake

bench-delivery: $(DEV_STAMP) packages ## Measure delivery against its goals and Postfix, into var/bench/delivery.json
	@exec $(BIN)/python -m tests.load.delivery

bench-pages: $(DEV_STAMP) packages ## Measure pages against a constant string, and on a slow phone, into var/bench/pages.json
	@exec $(BIN)/python -m tests.load.pages

lock: $(DEV_STAMP) ## Write both locks anew from pyproject.toml
	$(LOCK) --extra cases --extra actions --extra delivery -o requirements.lock pyproject.toml
	$(LOCK) --all-extras -c requirements.lock -o requirements-dev.lock pyproject.toml

strings: $(DEV_STAMP) ## Bring the translations' catalogues up to date with the strings in code and templates
	@$(BIN)/python -m deploy.strings

settings-table: $(DEV_STAMP) ## Write the README's configuration table anew from the settings
	@$(BIN)/python -m deploy.settings_table

pictures: $(DEV_STAMP) ## Take the README's pictures of the site anew, into docs/pictures (needs Chromium)
	@exec $(BIN)/python -m tests.support.pictures

packages: ## Install the servers that tests and stack use (Debian, as root), or say what is missing
	@sh deploy/install/debian_packages.sh

# What runs needs fewer packages than what tests: an image carries no browser driver.
$(RUN_STAMP): requirements.lock | $(BIN)/python
	@echo "Installing what it runs on into $(VENV) (once; about half a minute) ..."
	$(PIP) -r requirements.lock
	@touch $@

$(DEV_STAMP): requirements-dev.lock requirements.lock | $(BIN)/python
	@echo "Installing what it runs on and is tested with into $(VENV) (once; about a minute) ..."
	$(PIP) -r requirements-dev.lock
	@touch $(RUN_STAMP) $@

$(BIN)/python:
	@sh deploy/install/make_venv.sh $(VENV)
