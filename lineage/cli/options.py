"""Command-line options that several lineage commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lineage.places import DEFAULT_ROOT

PATH = click.Path(path_type=Path)


def _public_key(_context: click.Context, _option: click.Parameter, path: Path | None) -> Ed25519PublicKey | None:
    if path is None:
        return None
    from serving_targets.signature import read_public_key

    return read_public_key(path)


key_option = click.option(
    "--key",
    type=PATH,
    envvar="POSELINE_PUBLIC_KEY",
    show_envvar=True,
    callback=_public_key,
    help="Public key in PEM: refuse a bundle that is not signed with it.",
)

overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace the file even if it is not an unchanged earlier output."
)
"""Option of every command that writes a file that the user names; see `data.files.output`."""

root_option = click.option(
    "--root",
    type=PATH,
    default=DEFAULT_ROOT,
    show_default=".poseline",
    callback=lambda _context, _option, path: path.absolute(),
    help="Root folder of the runs.",
)
