"""Building blocks of the DAGs, which import only Airflow and the standard library: TFX has another environment."""
