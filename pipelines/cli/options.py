"""Options, checks and small helpers that several `poseline` commands use."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data.output.terminal import Terminal
    from pipelines.config import PipelineConfig
    from pipelines.workspace import Workspace

PATH = click.Path(path_type=Path)


class OutputPath(click.Path):
    """Path of a file or folder to write, whose parent folder exists or can be made."""

    def __init__(self, *, dir_okay: bool = True) -> None:
        super().__init__(path_type=Path, dir_okay=dir_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or end the command with a usage error if nothing can be written there."""
        path = Path(value)
        above = next(folder for folder in (*path.absolute().parents, Path("/")) if folder.exists())
        if not above.is_dir():
            self.fail(f"{path}: {above} is a file, not a folder", param, ctx)
        return super().convert(path, param, ctx)


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config`, `--data`, `--root` and `--set` to a command."""
    for option in (
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a key of the configuration."),
        root_option,
        click.option("--data", type=PATH, help="Data folder, with a folder span-N for each span."),
        click.option(
            "--config",
            "config_name",
            default="baduanjin",
            show_default=True,
            help="Configuration: a name or a YAML file.",
        ),
    ):
        command = option(command)
    return command


root_option = click.option("--root", type=PATH, help="Root folder of all runs.  [default: .poseline]")
span_option = click.option("--span", type=click.IntRange(0), help="Number of the span to read.  [default: the latest]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")


def run_id_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the required option `--run-id` with this help text."""
    return click.option("--run-id", required=True, callback=_checked_run_id, help=text)


def _checked_run_id(_context: click.Context, _parameter: click.Parameter, run_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}", run_id):
        raise click.BadParameter("only letters, digits and _ . + - are allowed, because files are named after it")
    return run_id


def load(config_name: str, data: Path | None, overrides: Iterable[str]) -> PipelineConfig:
    """Return the configuration that the options name."""
    from pipelines.config import load_config

    return load_config(config_name, all_overrides(data, overrides))


def all_overrides(data: Path | None, overrides: Iterable[str]) -> tuple[str, ...]:
    """Return the `--set` options with `--data` as one more of them."""
    if data is None:
        return tuple(overrides)
    return (*overrides, f"data={json.dumps(str(data.absolute()))}")


def workspace_at(root: Path | None) -> Workspace:
    """Return the workspace under `--root`, or under the default root."""
    from pipelines.workspace import DEFAULT_ROOT, Workspace

    return Workspace((root or DEFAULT_ROOT).absolute())


def make_console(*, stderr: bool = False) -> Terminal:
    """Return the terminal; its lines are not broken when the output goes to a file or a pipe."""
    from data.output.terminal import Terminal

    return Terminal(stderr=stderr)
