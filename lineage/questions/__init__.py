"""The auditor's questions, a module a command."""
