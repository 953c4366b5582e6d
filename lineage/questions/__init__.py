"""The questions about lineage that commands answer, each with its type of answer."""
