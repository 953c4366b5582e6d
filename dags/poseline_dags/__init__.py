"""What the DAG files are made of. Airflow and the standard library alone: TFX lives in another environment."""
