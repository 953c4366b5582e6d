"""Modules that the DAG files use. They import only Airflow and the standard library; TFX has its own environment."""
