"""Commands that draw, export and report."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
