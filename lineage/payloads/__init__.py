"""Names and contents of the files that artifacts are made of, written and read through here."""
