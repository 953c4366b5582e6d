# Two commands do everything on a fresh machine: `make run` and `make test`.
.PHONY: setup run test check doctor airflow airflow-down

setup:
	@tools/setup.sh

run: setup
	@.venv/bin/poseline run $(ARGS) || [ $$? -eq 1 ]  # 1: rejected by a gate, which is explained; nothing broke

test: setup
	@tools/services.sh
	@tools/airflow.sh setup
	@.venv/bin/python -m pytest --numprocesses 2 --no-loadscope-reorder $(ARGS)

check: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@PYTHONPATH=dags .venv/bin/lint-imports
	@.venv/bin/deptry .
	@.venv/bin/deptry tests --exclude '^$$' --ignore DEP002,DEP004
	@.venv/bin/vulture

doctor: setup
	@.venv/bin/poseline doctor

airflow: setup
	@tools/airflow.sh start $(ARGS)

airflow-down:
	@tools/airflow.sh stop
