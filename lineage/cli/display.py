"""Answers as tables for people. Whatever is shown goes through `lineage.formatting.cell`: names come from strangers."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from lineage.formatting import cell, duration, moment, size

_WIDE = 400  # files and pipes: a line a row
_MARKS = {"done": "green", "cached": "cyan", "failed": "red", "running": "yellow"}


def console() -> Console:
    """Where tables go; lines are not broken in files and pipes."""
    return Console(width=None if sys.stdout.isatty() else _WIDE, markup=False, highlight=False, emoji=False)


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """An empty table; its cells are `lineage.formatting.cell`s."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    return made


def rows(out: Console, title: str, columns: tuple[str, ...], values: Iterable[Iterable[Any]]) -> None:
    """Prints a table, or nothing if it has no rows."""
    made = table(*columns)
    for row in values:
        made.add_row(*(cell(value) for value in row))
    if made.row_count:
        out.print(cell(title, "bold"))
        out.print(made)


def pairs(out: Console, values: Iterable[tuple[str, Any]]) -> None:
    """Prints names with their values, without those that have none."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in values:
        if value not in (None, ""):
            made.add_row(cell(name), cell(value, limit=400))
    out.print(made)


def _figure(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "-" if value is None else str(value)


def _passed(passed: bool) -> str:
    return "yes" if passed else "NO"


def show_trace(answer: dict[str, Any], out: Console) -> None:
    """What `tracing.trace` found."""
    artifact, trainer, code = answer["artifact"], answer["trained_by"] or {}, answer["code"]
    made, model, push = answer["made_by"] or {}, answer["model"] or {}, answer["push"] or {}
    dirty = " (with uncommitted changes)" if code.get("git_dirty") == "true" else ""
    pairs(
        out,
        [
            ("artifact", f"{artifact['id']}  {artifact['type']}  {artifact['state']}"),
            ("content", f"{artifact['content_digest']}  {size(artifact['bytes'])}" if artifact["bytes"] else None),
            ("payload", artifact["uri"]),
            ("made by", made and f"{made['node']} of run {made['run']}, {moment(made['started'])} UTC"),
            ("version", push.get("version")),
            ("model", model and f"{model['id']}  {model['content_digest']}"),
            ("trained by", trainer and f"run {trainer['run']}, {trainer['seconds']:.0f} s"),
            ("commit", code and f"{code['git_commit']}{dirty}"),
            ("code digest", code.get("code_digest")),
            ("lock digest", code.get("lock_digest")),
            ("schema", ", ".join(f"artifact {s['id']} {s['content_digest']}" for s in answer["schema"])),
            ("to retrain", "a person in its data asked to be forgotten" if answer["retrain"] else None),
        ],
    )
    rows(
        out,
        "gates",
        ("node", "gate", "figure", "threshold", "unit", "passed"),
        (
            (
                g["node"],
                g["gate"],
                _figure(g["figure"]),
                _figure(g["threshold"]),
                g["unit"],
                "yes" if g["passed"] else "NO",
            )
            for g in answer["gates"]
        ),
    )
    rows(
        out,
        "data",
        ("artifact", "span", "split", "sequences", "windows", "subjects"),
        (
            (d["artifact"], d["span"], split, n["sequences"], n["windows"], ", ".join(d["subjects"][split]))
            for d in answer["data"]
            for split, n in d["splits"].items()
        ),
    )
    for entry in answer["data"]:
        if entry["payload"] == "gone":
            pairs(out, [("data", f"artifact {entry['artifact']}, span {entry['span']}: its payload is gone")])
    rows(out, "trainer", ("parameter", "value"), ((k, json.dumps(v)) for k, v in trainer.get("parameters", {}).items()))


def show_impact(answer: dict[str, Any], out: Console) -> None:
    """What `influence.impact` found."""
    rows(
        out,
        "models",
        ("model", "run", "made", "how", "pushes", "to retrain"),
        (
            (m["id"], m["run"], moment(m["created"]), m["how"], ", ".join(map(str, m["pushes"])), "yes" * m["retrain"])
            for m in answer["models"]
        ),
    )
    rows(
        out,
        "pushes",
        ("push", "version", "target", "folder", "state"),
        (
            (
                p["artifact"],
                p["version"],
                name,
                folder,
                "in use" if name in p["in_use"] else "there" if name in p["there"] else "gone",
            )
            for p in answer["pushes"]
            for name, folder in p["targets"].items()
        ),
    )
    rows(
        out,
        "artifacts",
        ("type", "ids"),
        ((name, ", ".join(map(str, ids))) for name, ids in answer["artifacts"].items()),
    )


def show_runs(runs: list[dict[str, Any]]) -> None:
    """What `runs.list_runs` found."""
    made = table("run", "started", "ran", "cached", "state", "commit", right=("ran", "cached"))
    for run in runs:
        count = Counter(run["nodes"].values())
        failed = [node for node, state in run["nodes"].items() if state == "failed"]
        state = f"failed at {', '.join(failed)}" if failed else run["state"]
        made.add_row(
            cell(run["run_id"]),
            cell(run["started"][:19].replace("T", " ")),
            str(count["done"]),
            str(count["cached"]),
            cell(state, _MARKS.get(run["state"], "")),
            cell(run["git_commit"][:8]),
        )
    console().print(made)


def show_run(answer: dict[str, Any], out: Console) -> None:
    """What `runs.describe_run` found."""
    properties = [(name, value) for name, value in answer["properties"].items()]
    head = [("run", answer["run_id"]), ("pipeline", answer["pipeline"]), ("started", answer["started"])]
    pairs(out, [*head, ("took", duration(answer["seconds"])), ("state", answer["state"]), *properties])
    made = table("node", "state", "took", "execution", "cached from", "outputs", right=("took", "execution"))
    for attempt in answer["attempts"]:
        origin = attempt["cached_from"]
        outputs = (
            f"{o['artifact']} {o['key']}" + (f" {size(o['bytes'])}" if o["bytes"] else "") for o in attempt["outputs"]
        )
        made.add_row(
            cell(attempt["node"]),
            cell(attempt["state"], _MARKS.get(attempt["state"], "")),
            duration(attempt["seconds"]),
            str(attempt["execution"]),
            cell(f"{origin['run']} ({origin['execution']})" if origin else ""),
            cell(", ".join(outputs)),
        )
    out.print(made)
    for attempt in answer["attempts"]:
        if attempt["failure"]:
            pairs(out, [(f"{attempt['node']} failed", attempt["failure"])])


def show_diff(answer: dict[str, Any], out: Console) -> None:
    """What `comparison.compare` found."""
    out.print(cell(answer["summary"], "bold", limit=1000))
    if code := answer["code"]:
        pairs(out, [("commits", " -> ".join(code["commits"])), ("nodes", ", ".join(code["nodes"]))])
        rows(out, "", ("commit",), ([line] for line in code["log"]))
        rows(out, "", ("file",), ([line] for line in code["files"] or code["files_between_commits"]))
    if data := answer["data"]:
        pairs(
            out,
            [
                ("spans", " -> ".join(map(str, data["spans"]))),
                ("sequences", f"{data['sequences'][0]} -> {data['sequences'][1]}"),
                ("subjects added", ", ".join(data["subjects_added"])),
                ("subjects gone", ", ".join(data["subjects_gone"])),
            ],
        )
        rows(out, "sequences added", ("sequence", "subject", "label", "split"), data["added"][:20])
        rows(out, "sequences gone", ("sequence", "subject", "label", "split"), data["gone"][:20])
    moved = (
        (node, name, *map(json.dumps, pair))
        for node, found in answer["parameters"].items()
        for name, pair in found.items()
    )
    rows(out, "parameters", ("node", "parameter", "before", "after"), moved)
    rows(out, "environment", ("what", "before", "after"), ((n, *pair) for n, pair in answer["environment"].items()))
    rows(
        out,
        "figures",
        ("figure", "before", "after"),
        ((n, *map(_figure, pair)) for n, pair in answer["figures"].items()),
    )
    slices = ((s, n, *map(_figure, pair)) for s, found in answer["slices"].items() for n, pair in found.items())
    rows(out, "slices", ("slice", "figure", "before", "after"), slices)
    rows(out, "nodes", ("node", "before", "after"), ((n, *pair) for n, pair in answer["states"].items()))


def show_why(answer: dict[str, Any], out: Console) -> None:
    """What `reasons.why` found."""
    verb = "was cached" if answer["state"] == "CACHED" else "ran"
    out.print(cell(f"{answer['node']} {verb} in {answer['run']}", "bold"))
    for reason in answer["reasons"]:
        out.print(cell(f"  {reason}", limit=1000))
    if answer["compared_with"]:
        source = "the result is of" if answer["state"] == "CACHED" else "compared with"
        out.print(cell(f"  ({source} run {answer['compared_with']})", "dim"))
    moved = ((n, *map(json.dumps, pair)) for n, pair in answer["parameters"].items())
    rows(out, "", ("parameter", "before", "after"), moved)


def show_history(answer: dict[str, Any], out: Console) -> None:
    """What `metric_history.history` found."""
    rows(
        out,
        answer["metric"],
        ("run", "started", "value", "change", "because of"),
        (
            (
                e["run"],
                moment(e["started"]),
                _figure(e["value"]),
                f"{e['change']:+.4g}" if e["change"] else "",
                e["cause"],
            )
            for e in answer["history"]
        ),
    )


def show_verification(answer: dict[str, Any], out: Console) -> None:
    """What `verification.verify` found."""
    faults = answer["faults"]
    rows(
        out,
        "",
        ("fault", "path", "artifact", "detail"),
        ((f["kind"], f["path"], f["artifact"], f["detail"]) for f in faults),
    )
    read = f"{answer['artifacts']} artifacts and {answer['versions']} published versions, {size(answer['bytes'])}"
    out.print(cell(f"{len(faults)} faults in {read}" if faults else f"unaltered: {read}", "red" if faults else "green"))
    if answer["without_digest"]:
        out.print(cell(f"{len(answer['without_digest'])} artifacts were recorded without a digest and not compared"))


def show_prune(answer: dict[str, Any], out: Console) -> None:
    """What `retention.plan_prune` planned."""
    rows(out, "", ("artifact", "type", "payload", "size"), _payload_rows(answer["remove"]))
    what = f"{len(answer['remove'])} payloads, {size(answer['bytes'])}"
    out.print(cell(f"removed {what}" if answer["done"] else f"would remove {what}; add --yes to do it"))
    if answer["protected"]:
        out.print(cell(f"{answer['protected']} older artifacts stay: a live push or a blessed model stands on them"))


def show_forget(answer: dict[str, Any], out: Console) -> None:
    """What `retention.plan_forget` planned."""
    examples = ((e["artifact"], ", ".join(e["splits"])) for e in answer["examples"])
    rows(out, "data of this person", ("examples", "splits"), examples)
    rows(out, "payloads that hold it", ("artifact", "type", "payload", "size"), _payload_rows(answer["payloads"]))
    models = ((m["id"], m["run"], m["how"], ", ".join(map(str, m["pushes"]))) for m in answer["models"])
    rows(out, "models that saw it", ("model", "run", "how", "pushes"), models)
    if not answer["examples"]:
        out.print(cell("no recorded data holds this person"))
        return
    payloads = f"{len(answer['payloads'])} payloads, {size(sum(entry['bytes'] for entry in answer['payloads']))}"
    count = len(answer["retrain"])
    done = f"removed {payloads}; {count} models are marked to be retrained"
    out.print(
        cell(done if answer["done"] else f"{payloads}, would go and {count} models be marked; add --yes to do it")
    )
    out.print(cell("the spans that the data was imported into are not in the store: take the person out there as well"))


def _payload_rows(entries: Iterable[dict[str, Any]]) -> Iterable[tuple[Any, ...]]:
    return ((entry["id"], entry["type"], entry["uri"], size(entry["bytes"])) for entry in entries)
