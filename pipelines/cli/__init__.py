"""The `poseline` command, a module a group of commands."""
