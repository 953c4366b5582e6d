"""Questions about models and data recorded in ML Metadata, and their answers as tables, drawings and exports."""
