# make demo: fill the bundled scan.  make test: all tests.  make coverage: what they reach.
# make peers: cdiutils, cohere, bcdi and silx, each in its own environment, on our files.
# make fuzz: hostile input.  make lint: style and types.  make docs: the site.  Needs Python >= 3.11.
PYTHON ?= python3
BIN := .venv/bin
CODE := src tests benchmarks docs/*.py
# A process a core, each on one thread: threads of several tests that wait for each other cost more than they bring.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal
.PHONY: demo test fuzz coverage lint docs bench peers results clean

$(BIN)/.program: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(BIN)/.installed: $(BIN)/.program
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(BIN)/.program
	mkdir -p demo
	$(BIN)/braggfill fill examples/demo_scan.npz --method retrieval -o demo/filled.npz --plot demo/filled.png --through gap --overwrite
	@echo "Look at demo/filled.png: the scan is simulated, so that the truth under its gap stands beside the fill, which never saw it."
	@echo "The filled scan is demo/filled.npz."

test: $(BIN)/.installed
	$(PYTEST)

# 20 000 hostile cases from a seed, in parts; stopped after half an hour it goes on where it was when it is called again.
fuzz: $(BIN)/.installed
	$(BIN)/python tests/fuzz/run.py --seed 0 --cases 20000

coverage: $(BIN)/.installed
	$(PYTEST) --cov

lint: $(BIN)/.installed
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy

docs: $(BIN)/.documented
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(BIN)/.documented: $(BIN)/.program
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

bench: $(BIN)/.installed
	$(BIN)/python benchmarks/fill_speed.py
	$(BIN)/python benchmarks/simulation_speed.py

peers: $(BIN)/.program
	$(BIN)/python benchmarks/peers/run.py --work peers --out docs/results/peers.csv

# Studies, advice, the paper's protocol and the strain study, into docs/results; stopped, it goes on when it is called again.
# AU is the measured scan au_34idc_s0054.npz; put the day and the commit into docs/results/measured.csv afterwards.
results: $(BIN)/.program
	$(BIN)/python benchmarks/studies.py --measured $(AU)
	$(BIN)/python benchmarks/advice.py --measured $(AU) --work results_work --out docs/results
	$(BIN)/python benchmarks/protocol.py --work results_work --out docs/results
	$(BIN)/python benchmarks/retrieval_gaps.py regimes --coherence full --starts 2
	$(BIN)/python benchmarks/retrieval_gaps.py draw
	$(BIN)/python benchmarks/results_page.py

clean:
	rm -rf .venv demo peers site
