"""The gate that stops a run when its data have anomalies."""
