"""Modules that the DAG files use. They import only Airflow and the standard library: TFX is in another environment."""
