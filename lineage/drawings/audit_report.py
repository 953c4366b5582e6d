"""The audit record of one run's model: what it was made of, what was found of it, what was shipped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from data.digests import Listing, parse_listing
from lineage.artifact_types import EDGE_MODEL, EVALUATION, EXAMPLES, MODEL, PUSHED_MODEL
from lineage.drawings import drawing
from lineage.drawings.graph_svg import pages, picture
from lineage.formatting import duration, harmless, moment, size
from lineage.marks import SPLITS
from lineage.measures import FILE_JUDGEMENTS, JUDGEMENTS, PERSON, Measure, read_measures, read_verdicts
from lineage.model import Artifact, Execution, Run, Subgraph
from lineage.places import listing_file
from lineage.questions.runs import failure_of, last_attempts, maker_of_cached
from lineage.questions.trace import count_people, is_marked, parameters
from lineage.questions.verify import Fault, verify
from lineage.store.reader import LineageStore
from payloads.evaluation import WHOLE, Evaluation
from payloads.push import PushRecord
from payloads.sequences import read_sequences
from payloads.verdict import Verdict

_SHIPPED = (PUSHED_MODEL, EDGE_MODEL, MODEL)


def as_page(store: LineageStore, root: Path, run: Run) -> str:
    """The record as an HTML page that needs nothing else, on a screen or on paper."""
    return pages.get_template("report.html").render(**collect(store, root, run), harmless=harmless, size=size)


def collect(store: LineageStore, root: Path, run: Run) -> dict[str, Any]:
    """Everything that the record tells. People are counted, never named."""
    graph = store.run_subgraph(run)
    attempts = last_attempts(graph, run)
    made = {a.id: a for e in attempts.values() for found in graph.outputs(e.id).values() for a in found}
    verification = verify(store, root, made.values())
    faults: dict[int, list[Fault]] = {}
    for fault in verification.faults:
        faults.setdefault(fault.artifact or 0, []).append(fault)
    of_type = {type_: [a for a in made.values() if a.type == type_] for type_ in {a.type for a in made.values()}}
    model = _only(of_type, MODEL)
    evaluation = _only(of_type, EVALUATION)
    return {
        "run": run,
        "started": moment(run.created),
        "took": duration(max((e.ended for e in attempts.values()), default=run.created) - run.created),
        "outcome": _outcome(attempts, of_type),
        "retrain": bool(model and is_marked(store, model)),
        "code": {
            name: run.properties[name]
            for name in ("git_commit", "git_dirty", "lock_digest", "python")
            if name in run.properties
        },
        "nodes": [_node(execution, graph) for execution in attempts.values()],
        "data": [_data(graph, a) for a in of_type.get(EXAMPLES, []) if _is_read(graph, a)],
        # By name: gates that run side by side end in any order, and two reports should be comparable line by line.
        "gates": [
            _gate(v, name)
            for name, execution in sorted(attempts.items())
            for a in _outputs(graph, execution)
            for v in read_verdicts(a)
        ],
        "unread": [a for a in made.values() if a.type in JUDGEMENTS and not any(read_measures(a))],
        "accuracy": [
            measure
            for type_ in FILE_JUDGEMENTS
            for artifact in of_type.get(type_, [])
            for measure in read_measures(artifact)
            if measure.threshold is None
        ],
        "slices": _slices(evaluation) if evaluation else [],
        "confusion": _confusion(evaluation, _labels(attempts)) if evaluation else None,
        "parameters": _told(attempts),
        "payloads": [_payload(a, root, faults.get(a.id, [])) for a in sorted(made.values(), key=lambda a: a.id)],
        "shipped": [found for type_ in _SHIPPED for a in of_type.get(type_, []) for found in _files(a, root)],
        "faults": verification.faults,
        "checked": verification.artifacts,
        "picture": picture(drawing.draw_run(graph, run)),
    }


def _only(of_type: Mapping[str, list[Artifact]], type_: str) -> Artifact | None:
    found = of_type.get(type_, [])
    return found[-1] if found else None


def _outputs(graph: Subgraph, execution: Execution) -> list[Artifact]:
    return [artifact for found in graph.outputs(execution.id).values() for artifact in found]


def _outcome(attempts: Mapping[str, Execution], of_type: Mapping[str, list[Artifact]]) -> dict[str, Any]:
    failed = [node for node, execution in attempts.items() if execution.state in ("FAILED", "CANCELED")]
    if failed:
        return {"good": False, "text": f"Failed at {', '.join(failed)}: nothing was shipped by this run"}
    pushed = _only(of_type, PUSHED_MODEL)
    if pushed is None:
        return {"good": False, "text": "The run did not get as far as a push"}
    if not pushed.properties.get("pushed"):
        record = PushRecord.read_if_sound(Path(pushed.uri))
        gates = ", ".join(record.refused_by if record else ()) or "a gate"
        return {"good": False, "text": f"Not shipped: rejected by {gates}"}
    targets = json.loads(pushed.properties.get("targets") or "{}")
    return {"good": True, "text": f"Shipped as version {pushed.properties.get('version')} to {', '.join(targets)}"}


def _node(execution: Execution, graph: Subgraph) -> dict[str, Any]:
    origin = maker_of_cached(execution, graph)
    sign, word = drawing.SIGNS.get(execution.state, ("?", execution.state.lower()))
    return {
        "name": execution.node,
        "id": execution.id,
        "state": execution.state.lower(),
        "sign": f"{sign} {word}",
        "note": f"execution {origin.id} of {origin.run}" if origin else failure_of(execution) or "",
        "took": duration(max(0.0, (origin or execution).ended - (origin or execution).started)),
        "code": str((origin or execution).properties.get("code_digest", ""))[:12],
    }


def _is_read(graph: Subgraph, examples: Artifact) -> bool:
    """Whether examples were read from data and not made of other examples."""
    makers = [e.execution_id for e in graph.edges if e.artifact_id == examples.id and e.kind == "output"]
    return bool(makers) and not any(graph.inputs(maker) for maker in makers)


def _data(graph: Subgraph, examples: Artifact) -> dict[str, Any]:
    sequences = read_sequences(Path(examples.uri))
    makers = (
        graph.executions[e.execution_id] for e in graph.edges if e.artifact_id == examples.id and e.kind == "output"
    )
    labels: dict[str, dict[str, int]] = {}
    counted = count_people(sequences)
    splits = {split: counted[split] for split in (*SPLITS, *counted) if split in counted}
    for sequence in sequences:
        counts = labels.setdefault(sequence.label, dict.fromkeys(splits, 0))
        counts[sequence.split] += sequence.windows
    return {
        "artifact": examples,
        "span": examples.properties.get("span"),
        "span_digest": next((m.properties["span_digest"] for m in makers if "span_digest" in m.properties), ""),
        "splits": splits,
        "people": len({sequence.subject for sequence in sequences}),
        "labels": dict(sorted(labels.items())),
    }


def _gate(verdict: Verdict, node: str) -> dict[str, Any]:
    return {
        "node": node,
        "name": verdict.gate.removeprefix("evaluator ").replace("_", " "),
        "figure": _figure(verdict.figure),
        "threshold": verdict.limit,
        "passed": verdict.passed,
    }


def _slices(evaluation: Artifact) -> list[dict[str, Any]]:
    """Groups of rows: the whole, then one group a feature; people by number, the weakest first."""
    rows: dict[str, dict[str, Measure]] = {}
    for measure in read_measures(evaluation):
        if measure.threshold is None:
            rows.setdefault(measure.slice, {})[measure.metric] = measure
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, measures in rows.items():
        feature, _, value = name.partition("=")
        groups.setdefault(feature, []).append({"name": value or "everything", "measures": measures})
    for feature, found in groups.items():
        if feature == PERSON:
            found.sort(key=lambda row: row["measures"]["accuracy"].value if "accuracy" in row["measures"] else 0.0)
            for place, row in enumerate(found, 1):
                row["name"] = f"person {place}"
    metrics = [m for m in next(iter(rows.values()), {}) if m != "example_count" and not m.endswith("_diff")]
    # Within one label there is one class: a mean over classes says nothing there.
    of_feature = {"label": [m for m in metrics if m == "accuracy"]}
    return [
        {
            "feature": feature,
            "whole": feature == WHOLE,
            "metrics": of_feature.get(feature, metrics),
            "rows": [
                {
                    "name": row["name"],
                    "windows": _figure(row["measures"]["example_count"].value)
                    if "example_count" in row["measures"]
                    else "",
                    "cells": [_bar(row["measures"].get(metric)) for metric in of_feature.get(feature, metrics)],
                }
                for row in found
            ],
        }
        for feature, found in groups.items()
    ]


def _bar(measure: Measure | None) -> dict[str, Any]:
    """A share as text, and where its interval begins and ends in per cent of a bar."""
    if measure is None or measure.value is None:
        return {"text": "–", "bounds": "", "at": None}
    low = measure.value if measure.lower is None else measure.lower
    high = measure.value if measure.upper is None else measure.upper
    at, left, right = (round(100 * min(1.0, max(0.0, figure)), 1) for figure in (measure.value, low, high))
    bounds = f"{low:.3f}–{high:.3f}" if measure.lower is not None else ""
    return {"text": f"{measure.value:.3f}", "bounds": bounds, "at": at, "left": left, "width": round(right - left, 1)}


def _labels(attempts: Mapping[str, Execution]) -> list[str]:
    for execution in attempts.values():
        found = parameters(execution).get("labels")
        if isinstance(found, list):
            return [str(label) for label in found]
    return []


def _confusion(evaluation: Artifact, labels: list[str]) -> dict[str, Any] | None:
    """Rows of counts and shares, actual by called; None if it was not written down."""
    found = Evaluation.read_if_sound(Path(evaluation.uri)) or Evaluation()
    counts = {(cell.actual, cell.predicted): cell.count for cell in found.whole.confusion}
    if not counts:
        return None
    classes = range(max(len(labels), 1 + max(max(cell) for cell in counts)))
    names = [labels[n] if n < len(labels) else f"class {n}" for n in classes]
    rows = []
    for actual in classes:
        total = sum(counts.get((actual, called), 0) for called in classes)
        cells = [counts.get((actual, called), 0) for called in classes]
        rows.append(
            {
                "name": names[actual],
                "total": total,
                "recall": f"{cells[actual] / total:.2f}" if total else "–",
                "cells": [{"count": c, "share": round(100 * c / total) if total else 0} for c in cells],
            }
        )
    return {"names": names, "rows": rows}


def _told(attempts: Mapping[str, Execution]) -> dict[str, dict[str, str]]:
    """Node to its parameters; what an earlier node was told already is not repeated."""
    known: set[tuple[str, str]] = set()
    told: dict[str, dict[str, str]] = {}
    for node, execution in attempts.items():
        for name, text in _flat(_counted(parameters(execution))).items():
            fact = name.rpartition(".")[2], text
            if fact not in known:
                known.add(fact)
                told.setdefault(node, {})[name.removeprefix("custom_config.")] = text
    return told


def _counted(value: Any, name: str = "") -> Any:
    """Parameters with lists of people replaced by how many they are."""
    if name in ("subjects", PERSON):
        return {key: len(found) for key, found in value.items()} if isinstance(value, dict) else "…"
    if isinstance(value, dict):
        return {key: _counted(entry, key) for key, entry in value.items()}
    return value


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(value, dict) and value:
        return {
            name: text
            for key, entry in value.items()
            for name, text in _flat(entry, f"{prefix}.{key}" if prefix else str(key)).items()
        }
    if value in ("", None, [], {}):
        return {}
    if isinstance(value, list) and any(isinstance(entry, list | dict) for entry in value):
        value = f"{len(value)} entries"  # long, and of people for all that is known here
    return {prefix: harmless(value if isinstance(value, str) else json.dumps(value), 600)}


def _payload(artifact: Artifact, root: Path, faults: Iterable[Fault]) -> dict[str, Any]:
    own = [fault for fault in faults if fault.kind != "orphaned"]
    digest = str(artifact.properties.get("content_digest") or "")
    if artifact.state != "LIVE":
        state, good = f"∅ {artifact.state.lower()}: removed on purpose", False
    elif not digest:
        state, good = "? recorded without a digest", False
    elif own:
        kinds = sorted({fault.kind for fault in own})
        state, good = f"✗ {', '.join(kinds)}", False
    else:
        state, good = "✓ as recorded", True
    return {
        "artifact": artifact,
        "digest": digest,
        "state": state,
        "good": good,
        "bytes": artifact.properties.get("bytes"),
    }


def _files(artifact: Artifact, root: Path) -> list[dict[str, Any]]:
    """What was shipped or would have been: each file with its digest, as it was recorded."""
    if artifact.type == PUSHED_MODEL:
        record = PushRecord.read_if_sound(Path(artifact.uri))
        return [{"title": str(folder), "files": files} for folder, files in (record.versions if record else {}).items()]
    listing = _listing(root, str(artifact.properties.get("content_digest") or ""))
    return [{"title": f"{artifact.type} {artifact.id}", "files": listing.files}] if listing else []


def _listing(root: Path, digest: str) -> Listing | None:
    try:
        return parse_listing(listing_file(root, digest).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 2 else f"{value:.4g}"
