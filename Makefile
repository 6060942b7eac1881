# `make` alone lists what there is. Nothing is needed but Python 3.11 or later and make.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(VENV)/bin/pip
READY := $(VENV)/ready
DEV := $(VENV)/dev
SDKS := tests/sdks
NODE := $(SDKS)/node_modules/.package-lock.json
ADK := $(SDKS)/.venv/ready

# Each process would otherwise compile livecli and the tests for itself.
unexport PYTHONDONTWRITEBYTECODE

help: ## list these
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## send the bundled spoken question to the embedded emulator
	$(RUN) -m livecli send --sample --local -o demo.reply.wav
	@echo
	@echo "The recorded question was sent to the local server that livecli carries. It echoes what it"
	@echo "hears, so demo.reply.wav is that question. Nothing left this machine. To go on:"
	@echo
	@echo "  $(VENV)/bin/livecli send --text 'Good morning' --local"
	@echo "  $(VENV)/bin/livecli chat --local"
	@echo "  $(VENV)/bin/livecli help"
	@echo
	@echo "'. $(VENV)/bin/activate' puts livecli on the path of this shell. With an API key, from"
	@echo "https://aistudio.google.com/apikey, leave out --local: see '$(VENV)/bin/livecli help auth'."

# There are more processes than cores, as tests often wait. Each takes 6 s of a core to collect the tests.
test: $(DEV) $(NODE) $(ADK) ## run the tests, in six processes
	$(RUN) -m pytest -q --numprocesses 6 --dist worksteal

soak: $(DEV) ## attack livecli for about an hour, and report what was tried in .soak/report.md
	$(RUN) -m pytest tests/soak -v --timeout 0 --hypothesis-show-statistics --junitxml .soak/report.xml

lint: $(DEV) ## check style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/hadolint .github/docker/Dockerfile

dist: $(DEV) ## build the wheel and the source distribution in dist/
	rm -rf dist
	$(RUN) -m build --quiet --outdir dist

bench-sessions: $(READY) ## measure a thousand sessions and more from one process
	$(RUN) -m tests.benchmarks.sessions
	$(RUN) -m tests.benchmarks.processes

bench: $(READY) ## measure livecli against its peers, side by side
	$(RUN) -m tests.benchmarks

bench-audio: $(DEV) ## measure echo cancellation and barge-in with PulseAudio, in about twenty minutes
	$(RUN) -m tests.benchmarks.audio

bench-chat: $(DEV) ## measure the latencies, memory and CPU time of a chat, in three minutes
	$(RUN) -m tests.benchmarks.chat

pictures: $(DEV) ## draw the pictures of a chat and of send, from real runs
	$(RUN) -m tests.pictures

clean: ## remove what the others made
	rm -rf $(VENV) $(SDKS)/node_modules $(SDKS)/.venv .benchmarks .soak dist .pytest_cache .mypy_cache .ruff_cache .hypothesis demo.reply.wav

$(PIP):
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml | $(PIP)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# It has all that the other has.
$(DEV): pyproject.toml | $(PIP)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY) $@

# The JavaScript SDK. Without npm, or where it cannot install, the tests that need it are skipped and say so.
$(NODE): $(SDKS)/package.json $(SDKS)/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is missing: the tests of the JavaScript SDK are skipped"; \
	elif npm ci --prefix $(SDKS) --no-audit --no-fund --ignore-scripts --loglevel=error; then touch $@; \
	else echo "npm failed: the tests of the JavaScript SDK are skipped"; fi

# Google's Agent Development Kit, which wants an older google-genai than the tests. The same holds without it.
$(ADK): $(SDKS)/requirements.txt | $(PIP)
	@$(PYTHON) -m venv --without-pip $(SDKS)/.venv
	@if $(RUN) -m pip --python $(SDKS)/.venv/bin/python install --quiet --disable-pip-version-check \
	-r $(SDKS)/requirements.txt; then touch $@; else echo "pip failed: the tests of google-adk are skipped"; fi

# Two installations must not write to one environment at once.
.NOTPARALLEL:
.PHONY: help demo test soak lint dist bench bench-sessions bench-audio bench-chat pictures clean
