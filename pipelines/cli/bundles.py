"""`poseline evaluate` and `poseline rollback`: commands for bundles that were pushed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from data.text import LONGEST, harmless, say, say_json
from lineage.cli.options import key_option
from pipelines.cli.options import PATH, json_option, make_console, root_option, span_option, workspace_at

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

group = click.Group("bundles")


@group.command()
@click.option(
    "--bundle", type=PATH, required=True, help="Folder of a pushed version, or of a target with a latest version."
)
@click.option("--data", type=PATH, required=True, help="Data folder, with a folder span-N for each span.")
@click.option("--split", help="Evaluate the sequences of this split only.  [default: all]")
@span_option
@key_option
@click.option("--robustness", is_flag=True, help="Evaluate mirrored, shifted, scaled and incomplete windows, too.")
@click.option("--sessions", is_flag=True, help="Measure the coach on whole sessions and recordings instead.")
@json_option
def evaluate(
    bundle: Path,
    data: Path,
    split: str | None,
    span: int | None,
    key: Ed25519PublicKey | None,
    robustness: bool,
    sessions: bool,
    as_json: bool,
) -> None:
    """Measure the accuracy of a pushed bundle.

    Runs the int8 file with the LiteRT interpreter on canonical data, as a phone would. With --sessions, the figures are
    those of SessionEvaluator: recognition in sessions (offline, and live), counts, scores, corrections.
    """
    if sessions:
        _evaluate_sessions(bundle, data, split, span, key, as_json=as_json)
        return
    from data.output.progress import counting
    from serving_targets import evaluate as evaluation

    with counting(make_console(stderr=True), "sequences") as update:
        result = evaluation.evaluate(
            bundle,
            data,
            split=split,
            span=span,
            progress=lambda done, of: update(done, of, ""),
            robustness=robustness,
            key=key,
        )
    if as_json:
        say_json(result.to_dict())
    else:
        evaluation.show(result, make_console())


def _evaluate_sessions(
    bundle: Path, data: Path, split: str | None, span: int | None, key: Ed25519PublicKey | None, *, as_json: bool
) -> None:
    from serving_targets.session_evaluation import measure_bundle

    found = measure_bundle(bundle, data, split, span, key)
    if as_json:
        say_json(found.to_dict())
        return
    say(f"{found.sessions} sessions and {found.recordings} recordings of one movement, {found.seconds:,.0f} s")
    for name, figure in found.figures.items():
        say(f"{name:<30} {figure:.4g}")
    for name, why in found.missing.items():
        say(f"{name:<30} not measured: {why}")


@group.command()
@click.argument("target")
@root_option
@click.option("--to", "version", metavar="VERSION", help="Version to go back to.  [default: the one before]")
@key_option
@json_option
def rollback(target: str, root: Path | None, version: str | None, key: Ed25519PublicKey | None, as_json: bool) -> None:
    """Point a target back to an earlier version.

    Changes the link `latest` of TARGET, which is a folder or the name of a folder under pushed/ in the root.
    """
    from serving_targets import releases

    folder = Path(target)
    if not folder.is_dir():
        folder = workspace_at(root).pushed / target
    before, after = releases.rollback(folder, version, key)
    if as_json:
        say_json({"target": str(folder), "from": before, "to": after}, indent=None)
    else:
        say(harmless(f"{folder}: latest was {before}, is {after}", LONGEST))
