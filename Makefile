# What there is to type in this repository. `make run` starts devstream, `make test` proves it; both install what is missing.

.PHONY: run setup setup-dev test quick test-service nemesis nemesis-nats mutants fuzz check soak year sites bench languages look screenshots picture package test-packages test-pythons test-desktops docs clean

# Tests and benches start hundreds of processes; none of them should compile the modules again.
unexport PYTHONDONTWRITEBYTECODE

run: setup  ## the tray (or, without a screen, the lines in the terminal), following the git repository one stands in
	@packaging/system-packages run
	@exec .venv/bin/devstream --allow-key-file

setup:  ## .venv/bin/devstream
	@packaging/virtualenv desktop,collector

# Of the product's lines and branches that tests inside one process reach, in per cent; a change that tests less fails.
LEAST_COVERAGE = 86
# Tests of other processes, other hosts and long histories mostly wait, so four run at once, unmeasured: to measure each process costs more than the test.
# One of several processes that starved beside the others is tried once more (tests/conftest.py), and its name printed: seen often, it is a fault.
LONG = process or hosts or slow
# Files run in the order of tests/conftest.py, the long ones first: one that begins last keeps the others waiting for minutes.
# A worker that crashes ends the run at once: xdist waits for ever after it has begun another for whole files.
MEASURED = rm -f .coverage .coverage.* && .venv/bin/coverage run -m pytest -n 2 --dist loadfile --max-worker-restart=0 -q
COVERAGE = .venv/bin/coverage combine --quiet && printf 'lines and branches that the tests reach, %%: ' \
  && .venv/bin/coverage report --format=total

test: check  ## everything that is held by tests, and how much of the product they reach
	@failed=0; \
	{ $(MEASURED) -m "not ($(LONG))" && $(COVERAGE) --fail-under=$(LEAST_COVERAGE); } || failed=1; \
	.venv/bin/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder --max-worker-restart=0 -q -rRs -m "$(LONG)" || failed=1; \
	exit $$failed

quick: check  ## the loop of a person at work: style, types, and every test that needs no process, desktop or root
	@$(MEASURED) -m "not ($(LONG) or desktop)"
	@$(COVERAGE)

nemesis: setup-dev  ## five minutes of faults on eight hosts (root, Linux); NEMESIS_SEED=n repeats a run
	NEMESIS_SECONDS=$${NEMESIS_SECONDS:-300} NEMESIS_SEED=$${NEMESIS_SEED:-$$$$} \
	  .venv/bin/python -m pytest -s -o faulthandler_timeout=0 tests/hosts/test_nemesis.py

nemesis-nats: setup-dev  ## five minutes of faults on three NATS servers with thirty nodes; NEMESIS_SEED=n
	NEMESIS_SECONDS=$${NEMESIS_SECONDS:-300} NEMESIS_SEED=$${NEMESIS_SEED:-$$$$} \
	  .venv/bin/python -m pytest -s -o faulthandler_timeout=0 tests/mesh/test_nats_nemesis.py

test-service: setup-dev  ## the unit under a systemd that is booted for it (root, Linux): a minute
	.venv/bin/python -m pytest -c packaging/tests/pytest.ini packaging/tests/test_booted_service.py

mutants: setup-dev  ## take each security check away once: is it noticed? Some minutes
	.venv/bin/python tests/trust/trust_mutants.py

fuzz: setup-dev  ## hostile inputs for every decoder of foreign bytes, ten million; FUZZ=n for another number
	.venv/bin/python tests/fuzz/fuzz.py $${FUZZ:-10000000}

check: setup-dev  ## style and types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	MYPYPATH=.:collectors .venv/bin/mypy --explicit-package-bases tests/conftest.py tests/*/conftest.py

soak: setup-dev  ## any number of simulated histories of the replication rules: SEEDS=200000, SEED=n to see one, LIARS=1 with liars
	.venv/bin/python tests/simulation/play.py

year: setup-dev  ## a team of six over a year of virtual time, judged at every change: SEED=n, DAYS=n
	.venv/bin/python tests/year/year.py $(or $(SEED),1) $(or $(DAYS),365)

sites: setup-dev  ## 3,000 desks on 40 sites in virtual time, lines cut for an hour; minutes: SITES, DESKS, SECONDS, HOURLY, SEED
	.venv/bin/python tests/simulation/play_sites.py

languages: setup-dev  ## every message of the code in languages/*/devstream.po, and the form of it that gettext reads
	.venv/bin/python packaging/catalogues.py

bench: setup-dev  ## the figures, beside their floors and peers: BENCH="catch-up --quick --json"
	.venv/bin/python tests/bench/run.py $(BENCH)

look: setup-dev  ## pictures of the tray, a popup and the windows, into ./pictures
	@packaging/system-packages look
	.venv/bin/python tests/desktop/look.py pictures

screenshots: languages  ## every screen from one seeded history, into build/screenshots
	.venv/bin/python tests/desktop/screenshots.py build/screenshots

picture: setup-dev  ## README's picture, docs/images/desktop.png
	@packaging/system-packages look
	.venv/bin/python tests/desktop/picture.py docs/images/desktop.png

package:  ## wheel, sdist, bundle for this system and Debian package, checked, into dist/
	@packaging/system-packages package
	@packaging/package

test-packages: setup-dev  ## install each package of dist/ where nothing else is, and use it; some minutes
	@packaging/system-packages package
	.venv/bin/python -m pytest -c packaging/tests/pytest.ini packaging/tests

test-pythons:  ## the rooms that need no desktop on Python 3.11 to 3.14, each that can be had; VERSIONS="3.14"
	@packaging/pythons $(VERSIONS)

# The tests of tests/desktops run on each; `make test` has weston alone.
DESKTOPS ?= weston xfce xfce-dunst sway gnome plasma

test-desktops: setup-dev  ## the desk on weston, XFCE, sway, GNOME Shell and Plasma, headless; DESKTOPS="sway"; minutes
	@packaging/system-packages desktops
	DESKTOPS="$(DESKTOPS)" .venv/bin/python -m pytest -p no:randomly tests/desktops

docs:  ## the documentation as a site in build/docs; a warning or a broken link fails
	@packaging/virtualenv collector,docs
	.venv/bin/python docs/_site/source_pages.py
	.venv/bin/python docs/_site/command_table.py
	.venv/bin/python -m sphinx -W --keep-going -q -d build/doctrees docs build/docs
	@echo build/docs/index.html

setup-dev:
	@packaging/system-packages test
	@packaging/virtualenv desktop,collector,dev

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache pictures dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
