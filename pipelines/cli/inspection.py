"""`poseline config`, `doctor`, `sbom` and `tensorboard`: commands that show something and change nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from data.errors import ExitCode
from data.text import printable, say, say_json
from pipelines.cli.options import config_options, json_option, load, make_console, root_option, workspace_at

group = click.Group("inspection")


@group.command()
@config_options
def config(config_name: str, data: Path | None, root: Path | None, overrides: tuple[str, ...]) -> None:
    """Print every key of a configuration with its value."""
    import yaml

    del root
    values = load(config_name, data, overrides).model_dump(mode="json")
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    # Where it would not be shown as it is, the escapes of YAML keep it exact.
    say(text if text == printable(text) else yaml.safe_dump(values, sort_keys=False))


@group.command()
@root_option
@click.option("--quick", is_flag=True, help="Leave out the import checks, which take a minute.")
@json_option
def doctor(root: Path | None, quick: bool, as_json: bool) -> None:
    """Check this machine and the installed packages.

    Checks the interpreter, the C library, the packages, their imports, the free disk space and the free memory.
    """
    from dataclasses import asdict

    from data.output.terminal import styled
    from pipelines.cli.doctor import examine

    findings, console = [], make_console()
    for finding in examine(workspace_at(root).root, imports=not quick):
        findings.append(finding)
        if not as_json:
            mark = ("✗", "red") if finding.fault else ("✓", "green")
            fault = f"  -> {finding.fault}" if finding.fault else ""
            console.print(styled(mark, f" {finding.what:<46} {finding.found}{fault}"))
    if as_json:
        say_json([asdict(finding) for finding in findings])
    sys.exit(ExitCode.FAILED if any(finding.fault for finding in findings) else ExitCode.DONE)


@group.command()
def sbom() -> None:
    """Print the installed packages that Poseline needs, as a CycloneDX document.

    It names each package's version, its requirements, and the file of the lock file with its digest.
    """
    from components.pusher.sbom import environment_sbom

    say(environment_sbom().decode().rstrip("\n"))


@group.command()
@root_option
@click.option("--config", "config_name", help="Show the training runs of this configuration only.  [default: all]")
@click.option("--host", default="localhost", show_default=True, help="Address to listen on.")
@click.option("--port", default=6006, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free port.")
def tensorboard(root: Path | None, config_name: str | None, host: str, port: int) -> None:
    """Show the curves of all training runs in TensorBoard. New ones appear while it is open."""
    from pipelines.cli.tensorboard import serve

    serve(workspace_at(root).root / "artifacts", config_name, host, port)
