"""The auditor's questions to ML Metadata, with answers as tables, pages and exports. No TensorFlow."""
