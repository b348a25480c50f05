# The targets install what they need into .venv; you need python3 (3.11 or newer), pip and make.
PYTHON ?= python3
# Tests run in this many processes, since most of their time is waiting; 0 is one process without xdist.
WORKERS ?= 6
# Which part of its wallets `make explore-lab` takes: 1/4 is every fourth from the first.
PART ?= 1/1
# How many random histories `make crosscheck` compares.
HISTORIES ?= 100000
# How many webhooks `make soak` plays.
WEBHOOKS ?= 200000
# How many random sessions `make random-sessions` plays against each wallet, and the seed that chooses them.
SESSIONS ?= 40
SEED ?= 1
# How long each part of `make load-lab` loads.
SECONDS_EACH ?= 60
# How many mutated inputs of each kind `make fuzz` feeds.
INPUTS ?= 20000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check
LOCKS := requirements.lock requirements-build.lock
EXPORT := --no-emit-project --no-header --no-annotate --format requirements-txt
CODE := $(wildcard setup.py betrontech_simulator simulator tests benchmarks)
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal
# pytest and its plugins rewrite 500 modules; the bytecode keeps each process from doing it again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo serve test campaigns retest lint check format bench e2e crosscheck causes explore-lab load-lab soak fuzz random-sessions interrupts house docs container lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## judge a correct wallet, then one with a defect, and play a game
	$(BIN)/betrontech-sim demo

serve: $(VENV)/.runtime ## start the API, the games and an example wallet to play against
	$(BIN)/betrontech-sim serve --with-operator

test: $(VENV)/.dev ## run the tests
	$(PYTEST)

lint: $(VENV)/.dev ## check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)

campaigns: $(VENV)/.dev ## run the long tables that make test only samples: each defect, each check, each cause
	$(PYTEST) -m campaign

# Races depend on chance: CI runs once more, one after another, what failed, and fails if that fails again.
retest: $(VENV)/.dev ## run once more what failed in the last make test or make campaigns
	$(BIN)/python -m pytest -q -m "campaign or not campaign" --last-failed --last-failed-no-failures none

# `make check test`, which CI calls, runs the tests once.
check: lint test ## check format, lint and types and run the tests, as CI does

format: $(VENV)/.dev ## format the code as check requires
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## run the benchmarks, each beside its baseline
	$(BIN)/python -m benchmarks

e2e: $(VENV)/.dev ## run the tests that drive a real Chromium; fail without one
	REQUIRE_E2E=1 $(BIN)/python -m pytest -q -m e2e

crosscheck: $(VENV)/.dev ## compare the checker with all orders of 100,000 random histories
	$(BIN)/python tests/crosscheck.py $(HISTORIES)

soak: $(VENV)/.dev ## play 200,000 webhooks with faults of all kinds, and see that nothing is lost
	$(BIN)/python tests/soak.py $(WEBHOOKS)

fuzz: $(VENV)/.dev ## feed 20,000 mutated scenarios, histories, profiles, configurations, replies and requests each
	$(BIN)/python tests/fuzz.py $(INPUTS)

random-sessions: $(VENV)/.dev ## play random sessions against each right wallet and each defect: none is called what it is not
	$(BIN)/python tests/random_sessions.py $(SESSIONS) $(SEED)

interrupts: $(VENV)/.dev ## interrupt 30 runs and kill 10 at random moments, and see each balance put back
	$(BIN)/python tests/interrupts.py

# Exploring is work; it waits less than tests do.
explore-lab: WORKERS = 4
explore-lab: $(VENV)/.dev ## let explore find each defect of money by itself, and nothing in ten right wallets
	$(BIN)/betrontech-sim explore --against-operator --part $(PART) --at-once $(WORKERS)
	$(BIN)/betrontech-sim explore --against-operator --part $(PART) --at-once $(WORKERS) --for 3m \
		--wallet ids-global --wallet refusals-4xx-json --wallet unknown-refund-remembered --wallet late-bet-refused \
		--wallet refund-of-win-debits --wallet refund-credits-its-amount --wallet odd-amounts-accepted \
		--wallet repeated-credit-first-balance --wallet conflict-http-409 --wallet commit-then-read

load-lab: $(VENV)/.dev ## load the example wallet for long, right and wrong, beside bare Locust, and from four hosts
	PYTHONPATH=. $(BIN)/python tests/load_lab.py $(SECONDS_EACH)

causes: $(VENV)/.dev ## compare the causes that the suite names for each built-in defect with its own
	$(VENV)/bin/betrontech-sim mutants --causes

house: $(VENV)/.dev ## measure the code: its size, and how many files one bet crosses
	$(BIN)/python tests/house.py

docs: $(VENV)/.docs ## build the documentation as a site in build/docs/site, without a network; a dead link is an error
	$(BIN)/python tests/docs_site.py build/docs
	$(VENV)/docs/bin/zensical build --strict -f build/docs/zensical.toml

container: ## build the image and start simulator and example wallet with Docker
	docker compose up --build --wait

lock: $(VENV)/.python ## resolve the dependencies again and write the lock files
	$(PIP) install -q uv
	$(BIN)/uv lock --upgrade
	$(BIN)/uv export -q --frozen $(EXPORT) --no-dev --output-file requirements.lock
	$(BIN)/uv export -q --frozen $(EXPORT) --no-dev --extra load --output-file requirements-load.lock
	$(BIN)/uv export -q --frozen $(EXPORT) --only-group build --output-file requirements-build.lock
	$(BIN)/uv export -q --frozen $(EXPORT) --all-groups --no-group docs --output-file requirements-dev.lock
	$(BIN)/uv export -q --frozen $(EXPORT) --only-group docs --output-file docs/requirements.lock
	! grep -n '://' requirements*.lock docs/requirements.lock

clean: ## remove everything that was installed, built or cached
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is older than a lock file exactly if something has to be installed.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	@# Without pip: Debian's python3 has no ensurepip, and the pip outside can install into the environment, too.
	$(PYTHON) -m venv --without-pip $(VENV)
	@touch $@

$(VENV)/.runtime: $(LOCKS) pyproject.toml setup.py | $(VENV)/.python
	$(PIP) install -q --require-hashes $(addprefix -r ,$(LOCKS))
	$(PIP) install -q --no-build-isolation --no-deps --editable .
	@# An editable install copies nothing, so pip compiles nothing; some environments keep no bytecode.
	$(BIN)/python -m compileall -q simulator
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/.runtime
	$(PIP) install -q --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.docs: docs/requirements.lock | $(VENV)/.runtime
	$(PYTHON) -m venv --without-pip $(VENV)/docs
	$(PYTHON) -m pip --python $(VENV)/docs/bin/python --disable-pip-version-check install -q --require-hashes -r docs/requirements.lock
	@touch $@
