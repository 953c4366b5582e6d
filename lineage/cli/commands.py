"""The commands `poseline lineage ...` that answer questions; the answers come from `lineage.questions`."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.errors import GateError, InputError
from data.text import LONGEST, harmless, listed, say, say_json
from lineage.cli import view_commands
from lineage.cli.options import key_option, overwrite_option, root_option

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from lineage.model import Artifact
    from lineage.questions.answer import Answer
    from lineage.questions.trace import Unknown
    from lineage.store.reader import LineageStore


@click.group(name="lineage")
def group() -> None:
    """Trace a file on a phone back to the people in the data, and forward again.

    Exit codes: 0 answered, 1 unknown or not as recorded, 2 wrong use, 3 the store cannot be read.
    """


def question_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--root` and `--json`, which every question has, to a command."""
    return root_option(click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command))


@group.command()
@click.argument("what", metavar="FILE|ID")
@key_option
@question_options
def trace(what: str, key: Ed25519PublicKey | None, root: Path, as_json: bool) -> None:
    """Show where a file came from. FILE is a bundle, SavedModel or .tflite at any place, ID an artifact."""
    from lineage.questions import trace

    store = _store(root)
    found = trace.find(store, what, key)
    if not isinstance(found, trace.Unknown):
        _print(trace.trace(store, found), as_json)
    elif as_json:
        _print(found, as_json)
        sys.exit(GateError.exit_code)
    else:
        raise _unknown_files(what, found)


@group.command()
@click.argument("artifact", required=False, type=int, metavar="[ID]")
@click.option("--subject", help="Name of a person: show everything that was made from the person's data.")
@click.option("--span", type=click.IntRange(0), help="Number of a span of data: show everything that was made from it.")
@question_options
def impact(artifact: int | None, subject: str | None, span: int | None, root: Path, as_json: bool) -> None:
    """Show what was made from an artifact, a person's data or a span: models, pushes and all other artifacts."""
    from lineage.measures import split_names
    from lineage.questions import impact

    if sum(given is not None for given in (artifact, subject, span)) != 1:
        raise InputError(
            "expected exactly one of ID, --subject and --span",
            remedy="give an artifact id, --subject S or --span N",
        )
    store = _store(root)
    if artifact is not None:
        start = {artifact: set(split_names(store.artifact(artifact)))}
    elif subject is not None:
        start = impact.of_subject(store, subject)
    else:
        start = impact.of_span(store, span or 0)
    if not start:
        asked = f"person {subject!r}" if subject is not None else f"span {span}"
        remedy = "check the name; data that was read before subjects and spans were recorded cannot be found"
        raise GateError(f"no recorded data holds {asked}", store.place, remedy)
    _print(impact.impact(store, start), as_json)


@group.command()
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1), help="Number of most recent runs to show."
)
@question_options
def runs(limit: int, root: Path, as_json: bool) -> None:
    """List the runs: when they started, how many nodes ran or were cached, which node failed."""
    from lineage.questions.runs import list_runs
    from lineage.store import backend

    found = list_runs(_store(root), limit) if backend.exists(backend.connection(root)) else []
    if as_json:
        say_json([run.to_dict() for run in found])
    elif found:
        from lineage.cli import display

        display.show_runs(found, display.console())
    else:
        say(f"no runs under {harmless(root, LONGEST)}")


@group.command()
@click.argument("run", default="latest")
@question_options
def run(run: str, root: Path, as_json: bool) -> None:
    """Show one RUN node by node: time, origin of cached results, outputs, errors. RUN defaults to the latest."""
    from lineage.questions.run import describe_run

    store = _store(root)
    _print(describe_run(store, store.run(run)), as_json)


@group.command()
@click.argument("run_a")
@click.argument("run_b", default="latest")
@question_options
def diff(run_a: str, run_b: str, root: Path, as_json: bool) -> None:
    """Show what changed between RUN_A and RUN_B: code, data, parameters, environment, figures."""
    from lineage.questions.diff import compare

    store = _store(root)
    _print(compare(store, root, store.run(run_a), store.run(run_b)), as_json)


@group.command()
@click.argument("node")
@click.argument("run", default="latest")
@question_options
def why_cached(node: str, run: str, root: Path, as_json: bool) -> None:
    """Show why NODE was cached in RUN, and from which run. Exit code 1: it ran."""
    if not _why(node, run, root, as_json):
        sys.exit(GateError.exit_code)


@group.command()
@click.argument("node")
@click.argument("run", default="latest")
@question_options
def why_ran(node: str, run: str, root: Path, as_json: bool) -> None:
    """Show why NODE ran in RUN: which file, parameter or input had changed. Exit code 1: it was cached."""
    if _why(node, run, root, as_json):
        sys.exit(GateError.exit_code)


def _why(node: str, run: str, root: Path, as_json: bool) -> bool:
    """Print the answer and return whether the node was cached."""
    from lineage.questions.why import why

    store = _store(root)
    answer = why(store, root, node, store.run(run))
    _print(answer, as_json)
    return answer.cached


@group.command()
@click.argument("metric")
@click.option("--pipeline", help="Pipeline of the runs.  [default: the pipeline of the newest run]")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1), help="Number of most recent runs to read."
)
@click.option("--to", "file", type=click.Path(path_type=Path), help="Also draw the history, to FILE.svg or FILE.html.")
@overwrite_option
@question_options
def blame(
    metric: str, pipeline: str | None, limit: int, file: Path | None, overwrite: bool, root: Path, as_json: bool
) -> None:
    """Show the history of METRIC over the runs, with the change that moved it."""
    from lineage.questions.blame import blame

    answer = blame(_store(root), root, metric, limit=limit, pipeline=pipeline)
    if file:
        from data.files import output
        from lineage.drawings.history_plot import draw_history

        with output(file, overwrite=overwrite) as made:
            made.write_text(draw_history(answer, file.suffix), encoding="utf-8")
    _print(answer, as_json)


@group.command()
@click.argument("run", required=False)
@click.option("--all", "everything", is_flag=True, help="Verify every live artifact and push of the store.")
@question_options
def verify(run: str | None, everything: bool, root: Path, as_json: bool) -> None:
    """Recompute the digests of RUN's artifacts and pushes, or of all. Exit code 1: a file differs from the record."""
    from lineage.questions.verify import verify

    if (run is None) != everything:
        raise InputError("expected either a run or --all", remedy="give one of the two")
    store = _store(root)
    artifacts = store.run_subgraph(run).artifacts.values() if run else _all_artifacts(store)
    answer = verify(root, artifacts, orphans=everything)
    _print(answer, as_json)
    if answer.faults:
        sys.exit(GateError.exit_code)


@group.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, type=int)
@click.option("--yes", is_flag=True, help="Set them aside; without it they are only listed.")
@question_options
def set_aside(ids: tuple[int, ...], yes: bool, root: Path, as_json: bool) -> None:
    """List the artifacts, of those with an ID or of all, whose payloads were altered. With --yes, set them aside.

    No run uses an artifact that is set aside: the next one computes it again. The altered files are kept.
    """
    from lineage.questions.set_aside import plan_set_aside, set_aside
    from lineage.store import backend, locking

    store = _store(root)
    artifacts = [store.artifact(id_) for id_ in ids] if ids else _all_artifacts(store)
    with locking.having_root_alone(root) if yes else contextlib.nullcontext():
        plan = plan_set_aside(root, artifacts)
        if yes:
            set_aside(backend.open_store(backend.connection(root)), plan.altered)
    _print(dataclasses.replace(plan, done=yes), as_json)


@group.command()
@click.option(
    "--keep", type=click.IntRange(0), required=True, help="Number of most recent runs to keep in each pipeline."
)
@click.option("--pipeline", help="Remove payloads of this pipeline only.")
@click.option("--yes", is_flag=True, help="Remove the payloads; without it they are only listed.")
@question_options
def prune(keep: int, pipeline: str | None, yes: bool, root: Path, as_json: bool) -> None:
    """Remove payloads that no kept run, live push or blessed model needs."""
    from lineage.questions.prune import plan_prune
    from lineage.questions.removal import remove
    from lineage.store import backend, locking

    store = _store(root)
    with locking.having_root_alone(root) if yes else contextlib.nullcontext():
        plan = plan_prune(store, root, keep, pipeline)
        if yes:
            remove(backend.open_store(backend.connection(root)), root, (payload.id for payload in plan.remove))
    _print(dataclasses.replace(plan, done=yes), as_json)


@group.command()
@click.option("--subject", required=True, help="Name of the person.")
@click.option("--yes", is_flag=True, help="Remove the payloads and mark the models; without it they are only listed.")
@question_options
def forget(subject: str, yes: bool, root: Path, as_json: bool) -> None:
    """List the payloads with a person's data and the models that saw it. With --yes, remove and mark them."""
    from lineage.questions.forget import mark_for_retraining, plan_forget
    from lineage.questions.removal import remove
    from lineage.store import backend, locking

    store = _store(root)
    with locking.having_root_alone(root) if yes else contextlib.nullcontext():
        plan = plan_forget(store, subject)
        if yes:
            mlmd = backend.open_store(backend.connection(root))
            mark_for_retraining(mlmd, plan.retrain)
            remove(mlmd, root, (payload.id for payload in plan.payloads))
    _print(dataclasses.replace(plan, done=yes), as_json)


@group.command()
@question_options
def upgrade(root: Path, as_json: bool) -> None:
    """Back up a metadata store of an older version, then upgrade it."""
    from lineage.store import backend
    from lineage.store.upgrading import upgrade

    backup = upgrade(backend.connection(root), root / "backups")
    if as_json:
        say_json({"backup": str(backup)}, indent=None)
    else:
        say(f"the store is up to date; its backup is {harmless(backup, LONGEST)}")


for _command in view_commands.COMMANDS:
    group.add_command(_command)


def _all_artifacts(store: LineageStore) -> Iterable[Artifact]:
    return (artifact for part in store.whole() for artifact in part.artifacts.values())


def _store(root: Path) -> LineageStore:
    from lineage.store.reader import LineageStore

    return LineageStore.of_root(root)


def _print(answer: Answer, as_json: bool) -> None:
    if as_json:
        say_json(answer.to_dict())
        return
    from lineage.cli import display

    display.show(answer, display.console())


def _unknown_files(what: str, found: Unknown) -> GateError:
    names = listed(found.files[:5], 200) + (" …" if len(found.files) > 5 else "")
    remedy = "it was altered, or it comes from another store (--root, POSELINE_METADATA)"
    if run_id := found.claims.get("run_id"):
        remedy += f"; its manifest names run {harmless(run_id)}, which nothing confirms"
    return GateError(f"unknown: no recorded artifact holds {names}", what, remedy)
