# Zhupei. `make run` serves the platform with a demo city; `make test` passes every test. Both set up what they need.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
export ZHUPEI_DATA ?= $(CURDIR)/var
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test

.PHONY: setup setup-test run test test-sqlite test-postgresql lint format bench fresh

setup: $(STAMP)

$(STAMP): requirements/base.txt pyproject.toml tools/setup.sh
	@tools/setup.sh run
	@touch $@

setup-test: $(TEST_STAMP)

$(TEST_STAMP): $(STAMP) requirements/dev.txt
	@tools/setup.sh test
	@touch $@

run: setup
	@$(BIN)/zhupei init --demo
	@$(BIN)/zhupei prepare
	@$(BIN)/zhupei demo --if-empty
	@PORT=$(PORT) $(BIN)/zhupei serve

test: setup-test
	@$(MAKE) --no-print-directory test-sqlite test-postgresql

test-sqlite:
	@echo "== the whole suite on SQLite"
	$(BIN)/zhupei init --demo
	$(BIN)/zhupei catalogues --compile
	$(BIN)/pytest -n 2 --dist loadgroup

test-postgresql:
	@echo "== the whole suite on PostgreSQL (but the browser tests: they serve a city of their own, on SQLite)"
	$(BIN)/python tools/with_postgresql.py $(BIN)/pytest -n 2 --dist loadgroup -m "not browser"

lint: setup-test
	@$(BIN)/zhupei init --demo
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy $$(tools/typed_files.sh)
	$(BIN)/djlint src --lint --quiet
	$(BIN)/zhupei makemigrations --check --dry-run
	@# the ignored ones move columns of the bank and of draws: they run with the platform stopped (docs/guide/operating.md)
	$(BIN)/zhupei lintmigrations --quiet ok ignore --project-root-path . --no-cache --ignore-initial-migrations --exclude-apps django_tasks_database auth contenttypes sessions --ignore-name 0002_bank_life 0003_keys_encrypted 0004_no_plain_keys 0002_targets_figures 0003_seed_encrypted
	$(BIN)/zhupei catalogues --check
	$(BIN)/python tools/vendor_assets.py --check

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint src --reformat --quiet || true

bench: setup
	$(BIN)/zhupei bench pages --json

# Forget the database, files and secrets of this checkout (the next `make run` starts anew).
fresh:
	rm -rf var
