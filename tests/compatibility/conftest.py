from tests.dags.conftest import airflow_python  # noqa: F401
