"""`poseline lineage`: what was recorded, asked. Answers are found in the modules beside; here they are shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.errors import GateError, InputError
from lineage.cli import view_commands
from lineage.cli.options import root_option

if TYPE_CHECKING:
    from lineage.store.reader import LineageStore


@click.group(name="lineage")
def group() -> None:
    """From a file on a phone back to the people in the data, and forward again.

    Exit codes: 0 answered, 1 not known or not in order, 2 wrong use, 3 the store cannot be read.
    """


def store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--root` and `--json`, which every question has."""
    return root_option(click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command))


@group.command()
@click.argument("what", metavar="FILE|ID")
@store_options
def trace(what: str, root: Path, as_json: bool) -> None:
    """Where a file came from: FILE is a bundle, SavedModel or .tflite wherever it lies, ID an artifact."""
    from lineage.questions import trace

    store = _store(root)
    found = trace.find(store, what)
    if isinstance(found, trace.Unknown):
        if as_json:
            click.echo(json.dumps({"known": False, "files": found.files, "claims": found.claims}, indent=1))
            sys.exit(GateError.exit_code)
        raise _unknown(what, found)
    artifacts, files = found
    answer = trace.trace(store, artifacts[0])
    answer = {"known": True, "files": files, "also": [trace.describe(other) for other in artifacts[1:]], **answer}
    _answer(answer, "trace", as_json)


@group.command()
@click.argument("artifact", required=False, type=int, metavar="[ID]")
@click.option("--subject", help="Everything that came from a person.")
@click.option("--span", type=click.IntRange(0), help="Everything that came from a span of data.")
@store_options
def impact(artifact: int | None, subject: str | None, span: int | None, root: Path, as_json: bool) -> None:
    """What came from an artifact, a person or a span: models, pushes, everything."""
    from lineage.measures import split_names
    from lineage.questions import impact

    if sum(given is not None for given in (artifact, subject, span)) != 1:
        raise InputError("one thing is asked for at a time", remedy="give an artifact id, --subject S or --span N")
    store = _store(root)
    if artifact is not None:
        found = store.artifact(artifact)
        start = {artifact: set(split_names(found))}
    else:
        start = impact.of_subject(store, subject) if subject is not None else impact.of_span(store, span or 0)
    if not start:
        asked = f"person {subject!r}" if subject is not None else f"span {span}"
        raise GateError(
            f"no recorded data holds {asked}", store.place, "was the data read before subjects were recorded, or never?"
        )
    _answer(impact.impact(store, start), "impact", as_json)


@group.command(name="runs")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Newest runs to show.")
@store_options
def runs_(limit: int, root: Path, as_json: bool) -> None:
    """List the runs: when, what ran, what was cached, what failed."""
    from lineage.questions.runs import list_runs
    from lineage.store import backend

    found = list_runs(_store(root), limit) if backend.exists(backend.connection(root)) else []
    if as_json:
        click.echo(json.dumps(found, indent=1))
    elif found:
        from lineage.cli import display

        display.show_runs(found)
    else:
        click.echo(f"no runs under {root}")


@group.command(name="run")
@click.argument("run", default="latest")
@store_options
def run_(run: str, root: Path, as_json: bool) -> None:
    """One RUN, node by node: how long, cached from where, what failed and why; the latest if none is named."""
    from lineage.questions.runs import describe_run

    store = _store(root)
    _answer(describe_run(store, store.run(run)), "run", as_json)


@group.command()
@click.argument("run_a")
@click.argument("run_b", default="latest")
@store_options
def diff(run_a: str, run_b: str, root: Path, as_json: bool) -> None:
    """What changed between RUN_A and RUN_B: code, data, parameters, environment, figures."""
    from lineage.questions.diff import compare

    store = _store(root)
    _answer(compare(store, root, store.run(run_a), store.run(run_b)), "diff", as_json)


@group.command(name="why-cached")
@click.argument("node")
@click.argument("run", default="latest")
@store_options
def why_cached(node: str, run: str, root: Path, as_json: bool) -> None:
    """Why NODE did not have to run in RUN, and whose result it took. Exit code 1: it did run."""
    _why(node, run, root, as_json, expected_cached=True)


@group.command(name="why-ran")
@click.argument("node")
@click.argument("run", default="latest")
@store_options
def why_ran(node: str, run: str, root: Path, as_json: bool) -> None:
    """Why NODE ran in RUN: which file, parameter or input had changed. Exit code 1: it was cached."""
    _why(node, run, root, as_json, expected_cached=False)


def _why(node: str, run: str, root: Path, as_json: bool, *, expected_cached: bool) -> None:
    from lineage.questions.why import why

    store = _store(root)
    answer = why(store, root, node, store.run(run))
    _answer(answer, "why", as_json)
    if (answer["state"] == "CACHED") != expected_cached:
        sys.exit(GateError.exit_code)


@group.command()
@click.argument("metric")
@click.option("--pipeline", help="Whose runs.  [default: the newest run's]")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Newest runs to look at.")
@click.option("--to", "file", type=click.Path(path_type=Path), help="Also draw it, to FILE.svg or FILE.html.")
@store_options
def blame(metric: str, pipeline: str | None, limit: int, file: Path | None, root: Path, as_json: bool) -> None:
    """The history of METRIC over the runs, with the change that moved it."""
    from lineage.questions.blame import history

    entries = history(_store(root), root, metric, limit=limit, pipeline=pipeline)
    if file:
        from data.files import write_atomically
        from lineage.drawings.history_plot import draw_history

        write_atomically(file, draw_history(metric, entries, file.suffix))
    _answer({"metric": metric, "history": entries}, "history", as_json)


@group.command()
@click.argument("run", required=False)
@click.option("--all", "everything", is_flag=True, help="Every live artifact and push of the store.")
@store_options
def verify(run: str | None, everything: bool, root: Path, as_json: bool) -> None:
    """Recompute the digests of RUN's artifacts and pushes, or of all. Exit code 1: something is not as recorded."""
    from lineage.questions.verify import verify as verify_artifacts

    if (run is None) != everything:
        raise InputError("what is to be verified?", remedy="give a run, or --all")
    store = _store(root)
    if run:
        artifacts: Iterable[Any] = list(store.run_subgraph(run).artifacts.values())
    else:
        artifacts = (artifact for part in store.whole() for artifact in part.artifacts.values())
    result = verify_artifacts(store, root, artifacts, orphans=everything)
    _answer(result.to_dict(), "verification", as_json)
    if result.faults:
        sys.exit(GateError.exit_code)


@group.command()
@click.option("--keep", type=click.IntRange(0), required=True, help="How many of the newest runs stay, per pipeline.")
@click.option("--pipeline", help="Only of this pipeline.")
@click.option("--yes", is_flag=True, help="Do it; otherwise it is only said what would go.")
@store_options
def prune(keep: int, pipeline: str | None, yes: bool, root: Path, as_json: bool) -> None:
    """Remove payloads that no kept run, live push or blessed model stands on."""
    from lineage.questions import retention
    from lineage.store import backend

    plan = retention.plan_prune(_store(root), keep, pipeline)
    if yes:
        retention.refuse_while_running(root)
        mlmd = backend.open_store(backend.connection(root))
        retention.remove(mlmd, root, (entry["id"] for entry in plan["remove"]))
    _answer({**plan, "done": yes}, "prune", as_json)


@group.command()
@click.option("--subject", required=True, help="The person.")
@click.option("--yes", is_flag=True, help="Remove the payloads and mark the models; otherwise they are only listed.")
@store_options
def forget(subject: str, yes: bool, root: Path, as_json: bool) -> None:
    """List what holds a person's data and which models saw it; on request remove it and mark the models."""
    from lineage.questions import retention
    from lineage.store import backend

    plan = retention.plan_forget(_store(root), subject)
    if yes:
        retention.refuse_while_running(root)
        mlmd = backend.open_store(backend.connection(root))
        retention.mark_for_retraining(mlmd, plan["retrain"])
        retention.remove(mlmd, root, (entry["id"] for entry in plan["payloads"]))
    _answer({**plan, "done": yes}, "forget", as_json)


@group.command()
@store_options
def upgrade(root: Path, as_json: bool) -> None:
    """Bring a metadata store of an older version up to date, after a backup."""
    from lineage.store import backend, upgrading

    backup = upgrading.upgrade(backend.connection(root), root / "backups")
    click.echo(json.dumps({"backup": str(backup)}) if as_json else f"up to date; what was before is in {backup}")


for _command in view_commands.COMMANDS:
    group.add_command(_command)


def _store(root: Path) -> LineageStore:
    from lineage.store.reader import LineageStore

    return LineageStore.of_root(root)


def _answer(answer: dict[str, Any], kind: str, as_json: bool) -> None:
    """Prints JSON, or the table that `display` has for this kind of answer."""
    if as_json:
        click.echo(json.dumps(answer, indent=1))
        return
    from lineage.cli import display

    getattr(display, f"show_{kind}")(answer, display.console())


def _unknown(what: str, found: Any) -> GateError:
    from lineage.formatting import harmless

    named = ", ".join(harmless(name) for name in found.files[:5]) + " …" * (len(found.files) > 5)
    claims = found.claims
    remedy = "it was altered, or it comes from another store (--root, POSELINE_METADATA)"
    if claims.get("run_id"):
        remedy += f"; its manifest names run {harmless(claims['run_id'])}, which nothing confirms"
    return GateError(f"unknown: no recorded artifact holds {named}", harmless(what), remedy)
