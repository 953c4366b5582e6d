"""Answers as tables in the terminal: one function for each type of answer.

Long names are cut by `lineage.formatting.cell`; the terminal itself shows what is invisible in them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from data.output.terminal import Terminal
from lineage.formatting import cell, duration, moment, size

if TYPE_CHECKING:  # at run time, only the module of the question that was asked is imported
    from lineage.questions.answer import Answer
    from lineage.questions.blame import Blame
    from lineage.questions.diff import Diff
    from lineage.questions.forget import ForgetPlan
    from lineage.questions.impact import Impact, Push
    from lineage.questions.prune import PrunePlan
    from lineage.questions.removal import RemovablePayload
    from lineage.questions.run import RunDescription
    from lineage.questions.runs import RunSummary
    from lineage.questions.set_aside import SetAside
    from lineage.questions.trace import GateVerdict, Trace
    from lineage.questions.verify import Verification
    from lineage.questions.why import Why

    Display = Callable[[Any, Terminal], None]

_WIDE = 400  # width in files and pipes, so that a row is one line
_MOST_SEQUENCES = 20
_STATE_STYLES = {"done": "green", "cached": "cyan", "failed": "red", "running": "yellow"}
_PAYLOAD_COLUMNS = ("artifact", "type", "payload", "size")


def console() -> Terminal:
    """Return the console for tables; its lines are not broken in files and pipes."""
    return Terminal(width=_WIDE)


DISPLAYS: dict[str, Display] = {}
"""Function that prints an answer, by the name of the answer's type."""


def show(answer: Answer, out: Terminal) -> None:
    """Print an answer as tables.

    Raises:
        TypeError: no function of this module displays answers of this type.
    """
    name = type(answer).__name__
    if name not in DISPLAYS:
        raise TypeError(f"no display for {name}: add a function to {__name__}")
    DISPLAYS[name](answer, out)


def _displays(name: str) -> Callable[[Display], Display]:
    """Register a function as the display of the answers whose type has this name."""

    def register(function: Display) -> Display:
        DISPLAYS[name] = function
        return function

    return register


@_displays("Trace")
def _trace(answer: Trace, out: Terminal) -> None:
    artifact, model, trainer = answer.artifact, answer.model, answer.trained_by
    made, push, code = answer.made_by, answer.push, answer.code
    dirty = " (with uncommitted changes)" if code.get("git_dirty") == "true" else ""
    _pairs(
        out,
        [
            ("artifact", f"{artifact.id}  {artifact.type}  {artifact.state}"),
            ("signature", answer.signature),
            ("content", f"{artifact.content_digest}  {size(artifact.bytes)}" if artifact.bytes else None),
            ("payload", artifact.uri),
            ("made by", f"{made.node} of run {made.run}, {moment(made.started)} UTC" if made else None),
            ("version", push.version if push else None),
            ("model", f"{model.id}  {model.content_digest}" if model else None),
            ("trained by", f"run {trainer.run}, {trainer.seconds:.0f} s" if trainer else None),
            ("commit", f"{code['git_commit']}{dirty}" if code else None),
            ("code digest", code.get("code_digest")),
            ("lock digest", code.get("lock_digest")),
            ("schema", ", ".join(f"artifact {schema.id} {schema.content_digest}" for schema in answer.schema)),
            ("to retrain", "a person in its data asked to be forgotten" if answer.retrain else None),
        ],
    )
    gates = ((g.node, g.gate, _figure(g.figure), _threshold(g), g.unit, _passed(g)) for g in answer.gates)
    _rows(out, "gates", ("node", "gate", "figure", "threshold", "unit", "passed"), gates)
    splits = (
        (d.artifact, d.span, split, n["sequences"], n["windows"], ", ".join(d.subjects[split]))
        for d in answer.data
        for split, n in d.splits.items()
    )
    _rows(out, "data", ("artifact", "span", "split", "sequences", "windows", "subjects"), splits)
    for data in answer.data:
        if data.payload == "gone":
            _pairs(out, [("data", f"artifact {data.artifact}, span {data.span}: its payload is gone")])
    parameters = trainer.parameters if trainer else {}
    _rows(out, "trainer", ("parameter", "value"), ((name, json.dumps(value)) for name, value in parameters.items()))


@_displays("Impact")
def _impact(answer: Impact, out: Terminal) -> None:
    models = (
        (m.id, m.run, moment(m.created), m.how, _joined(m.pushes), "yes" if m.retrain else "") for m in answer.models
    )
    _rows(out, "models", ("model", "run", "made", "how", "pushes", "to retrain"), models)
    pushes = (
        (push.artifact, push.version, name, folder, _push_state(push, name))
        for push in answer.pushes
        for name, folder in push.targets.items()
    )
    _rows(out, "pushes", ("push", "version", "target", "folder", "state"), pushes)
    _rows(out, "artifacts", ("type", "ids"), ((name, _joined(ids)) for name, ids in answer.artifacts.items()))


def show_runs(runs: Sequence[RunSummary], out: Terminal) -> None:
    """Print one row for each run."""
    made = _table("run", "started", "ran", "cached", "state", "commit", right=("ran", "cached"))
    for run in runs:
        count = Counter(run.nodes.values())
        failed = [node for node, state in run.nodes.items() if state == "failed"]
        made.add_row(
            cell(run.run_id),
            cell(run.started[:19].replace("T", " ")),
            str(count["done"]),
            str(count["cached"]),
            cell(f"failed at {', '.join(failed)}" if failed else run.state, _STATE_STYLES.get(run.state, "")),
            cell(run.git_commit[:8]),
        )
    out.print(made)


@_displays("RunDescription")
def _run(answer: RunDescription, out: Terminal) -> None:
    _pairs(
        out,
        [
            ("run", answer.run_id),
            ("pipeline", answer.pipeline),
            ("started", answer.started),
            ("took", duration(answer.seconds)),
            ("state", answer.state),
            *answer.properties.items(),
        ],
    )
    right = ("took", "CPU", "memory", "execution")
    made = _table("node", "state", *right, "cached from", "outputs", right=right)
    for attempt in answer.attempts:
        origin = attempt.cached_from
        outputs = (f"{o.artifact} {o.key}" + (f" {size(o.bytes)}" if o.bytes else "") for o in attempt.outputs)
        made.add_row(
            cell(attempt.node),
            cell(attempt.state, _STATE_STYLES.get(attempt.state, "")),
            duration(attempt.seconds),
            "" if attempt.cpu_seconds is None else duration(attempt.cpu_seconds),
            "" if attempt.peak_megabytes is None else f"{attempt.peak_megabytes:,.0f} MiB",
            str(attempt.execution),
            cell(f"{origin.run} ({origin.execution})" if origin else ""),
            cell(", ".join(outputs)),
        )
    out.print(made)
    for attempt in answer.attempts:
        if attempt.failure:
            _pairs(out, [(f"{attempt.node} failed", attempt.failure)])


@_displays("Diff")
def _diff(answer: Diff, out: Terminal) -> None:
    out.print(cell(answer.summary, "bold", limit=1000))
    if code := answer.code:
        _pairs(out, [("commits", " -> ".join(code.commits)), ("nodes", ", ".join(code.nodes))])
        _rows(out, "", ("commit",), ([line] for line in code.log))
        _rows(out, "", ("file",), ([line] for line in code.files or code.files_between_commits))
    if data := answer.data:
        _pairs(
            out,
            [
                ("spans", " -> ".join(map(str, data.spans))),
                ("sequences", " -> ".join(map(str, data.sequences))),
                ("subjects added", ", ".join(data.subjects_added)),
                ("subjects gone", ", ".join(data.subjects_gone)),
            ],
        )
        columns = ("sequence", "subject", "label", "split")
        _rows(out, "sequences added", columns, data.added[:_MOST_SEQUENCES])
        _rows(out, "sequences gone", columns, data.gone[:_MOST_SEQUENCES])
    parameters = ((node, *row) for node, changed in answer.parameters.items() for row in _json_pairs(changed))
    _rows(out, "parameters", ("node", "parameter", "before", "after"), parameters)
    environment = ((name, *pair) for name, pair in answer.environment.items())
    _rows(out, "environment", ("what", "before", "after"), environment)
    _rows(out, "figures", ("figure", "before", "after"), _figure_pairs(answer.figures))
    slices = ((name, *row) for name, changed in answer.slices.items() for row in _figure_pairs(changed))
    _rows(out, "slices", ("slice", "figure", "before", "after"), slices)
    _rows(out, "nodes", ("node", "before", "after"), ((node, *pair) for node, pair in answer.states.items()))


@_displays("Why")
def _why(answer: Why, out: Terminal) -> None:
    out.print(cell(f"{answer.node} {'was cached' if answer.cached else 'ran'} in {answer.run}", "bold"))
    for reason in answer.reasons:
        out.print(cell(f"  {reason}", limit=1000))
    if answer.compared_with:
        relation = "the result is of" if answer.cached else "compared with"
        out.print(cell(f"  ({relation} run {answer.compared_with})", "dim"))
    _rows(out, "", ("parameter", "before", "after"), _json_pairs(answer.parameters))


@_displays("Blame")
def _blame(answer: Blame, out: Terminal) -> None:
    points = (
        (p.run, moment(p.started), _figure(p.value), f"{p.change:+.4g}" if p.change else "", p.cause)
        for p in answer.history
    )
    _rows(out, answer.metric, ("run", "started", "value", "change", "because of"), points)


@_displays("Verification")
def _verification(answer: Verification, out: Terminal) -> None:
    faults = ((fault.kind, fault.path, fault.artifact, fault.detail) for fault in answer.faults)
    _rows(out, "", ("fault", "path", "artifact", "detail"), faults)
    read = f"{answer.artifacts} artifacts and {answer.versions} published versions, {size(answer.bytes)}"
    if answer.faults:
        out.print(cell(f"{len(answer.faults)} faults in {read}", "red"))
    else:
        out.print(cell(f"unaltered: {read}", "green"))
    if answer.without_digest:
        out.print(cell(f"{len(answer.without_digest)} artifacts were recorded without a digest and not compared"))
    if answer.set_aside:
        ids = ", ".join(map(str, answer.set_aside))
        out.print(cell(f"altered, set aside and used by no run: artifacts {ids}", "yellow"))


@_displays("SetAside")
def _set_aside(answer: SetAside, out: Terminal) -> None:
    rows = ((entry.id, entry.type, "; ".join(map(str, entry.differences))) for entry in answer.altered)
    _rows(out, "", ("artifact", "type", "altered"), rows)
    what = f"{len(answer.altered)} of {answer.compared} live artifacts"
    if not answer.altered:
        out.print(cell(f"nothing to set aside: {answer.compared} live artifacts are as recorded", "green"))
    elif answer.done:
        out.print(cell(f"set aside {what}; the next run computes them again"))
    else:
        out.print(cell(f"altered: {what}; add --yes to set them aside", "red"))


@_displays("PrunePlan")
def _prune(answer: PrunePlan, out: Terminal) -> None:
    _rows(out, "", _PAYLOAD_COLUMNS, _payload_rows(answer.remove))
    what = f"{len(answer.remove)} payloads, {size(answer.bytes)}"
    out.print(cell(f"removed {what}" if answer.done else f"would remove {what}; add --yes to do it"))
    if answer.protected:
        out.print(cell(f"{answer.protected} older artifacts are kept: a live push or a blessed model needs them"))
    for name in answer.under_way:
        out.print(cell(f"the payloads of run {name} are kept: an orchestrator has not finished it"))


@_displays("ForgetPlan")
def _forget(answer: ForgetPlan, out: Terminal) -> None:
    examples = ((entry.artifact, ", ".join(entry.splits)) for entry in answer.examples)
    _rows(out, "data of this person", ("examples", "splits"), examples)
    _rows(out, "payloads that contain it", _PAYLOAD_COLUMNS, _payload_rows(answer.payloads))
    models = ((model.id, model.run, model.how, _joined(model.pushes)) for model in answer.models)
    _rows(out, "models that saw it", ("model", "run", "how", "pushes"), models)
    if not answer.examples:
        out.print(cell("no recorded data holds this person"))
        return
    payloads = f"{len(answer.payloads)} payloads, {size(sum(payload.bytes for payload in answer.payloads))}"
    models_ = f"{len(answer.retrain)} models"
    if answer.done:
        out.print(cell(f"removed {payloads}; {models_} are marked to be retrained"))
    else:
        out.print(cell(f"would remove {payloads}, and mark {models_} to be retrained; add --yes to do it"))
    out.print(cell("the spans that the data was imported into are not in the store: remove the person there as well"))


def _table(*columns: str, right: Iterable[str] = ()) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    return made


def _rows(out: Terminal, title: str, columns: tuple[str, ...], values: Iterable[Iterable[Any]]) -> None:
    """Print a table with a title, or nothing if it has no rows."""
    made = _table(*columns)
    for row in values:
        made.add_row(*(cell(value) for value in row))
    if made.row_count:
        out.print(cell(title, "bold"))
        out.print(made)


def _pairs(out: Terminal, values: Iterable[tuple[str, Any]]) -> None:
    """Print names with their values; those without a value are left out."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in values:
        if value not in (None, ""):
            made.add_row(cell(name), cell(value, limit=400))
    out.print(made)


def _figure(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "-" if value is None else str(value)


def _passed(verdict: GateVerdict) -> str:
    return "yes" if verdict.passed else "not measurable" if verdict.is_open else "NO"


def _threshold(verdict: GateVerdict) -> str:
    if verdict.threshold is None:
        return "-"
    return f"{'at least' if verdict.direction == 'min' else 'at most'} {_figure(verdict.threshold)}"


def _figure_pairs(changed: Mapping[str, Sequence[Any]]) -> Iterable[tuple[str, str, str]]:
    return ((name, _figure(before), _figure(after)) for name, (before, after) in changed.items())


def _json_pairs(changed: Mapping[str, Sequence[Any]]) -> Iterable[tuple[str, str, str]]:
    return ((name, json.dumps(before), json.dumps(after)) for name, (before, after) in changed.items())


def _joined(ids: Iterable[int]) -> str:
    return ", ".join(map(str, ids))


def _push_state(push: Push, target: str) -> str:
    if target in push.in_use:
        return "in use"
    return "there" if target in push.there else "gone"


def _payload_rows(payloads: Iterable[RemovablePayload]) -> Iterable[tuple[Any, ...]]:
    return ((payload.id, payload.type, payload.uri, size(payload.bytes)) for payload in payloads)
