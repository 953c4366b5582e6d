"""The audit report of one run as an HTML page: what its model was made from, how it was judged, what was shipped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from data.digests import Listing, parse_listing
from data.text import harmless
from lineage.artifact_types import EDGE_MODEL, EVALUATION, MODEL, PUSHED_MODEL
from lineage.drawings import drawing
from lineage.drawings.audit_metrics import confusion_table, figure, slice_tables
from lineage.drawings.graph_svg import pages, picture
from lineage.formatting import duration, moment, size
from lineage.marks import SPLITS
from lineage.measures import BLESSINGS, JUDGEMENTS, PERSON, read_measures
from lineage.model import ABANDONED, LIVE, Artifact, Run
from lineage.places import listing_file
from lineage.questions.trace import is_to_be_retrained
from lineage.questions.verify import Fault, verify
from lineage.recorded_run import RecordedRun, SourceData
from lineage.store.reader import LineageStore
from payloads.push import PushRecord
from payloads.verdict import Verdict

_SHIPPED = (PUSHED_MODEL, EDGE_MODEL, MODEL)
_RUN_FACTS = ("git_commit", "git_dirty", "lock_digest", "python")


def as_page(store: LineageStore, root: Path, run: Run) -> str:
    """Return the report as a self-contained HTML page, for the screen and for paper."""
    return pages.get_template("report.html").render(**_content(store, root, run), harmless=harmless, size=size)


def _content(store: LineageStore, root: Path, run: Run) -> dict[str, Any]:
    """Return the values of the template `report.html`. People are counted, never named."""
    recorded = RecordedRun.read(store, run)
    model, evaluation = recorded.last_of_type(MODEL), recorded.last_of_type(EVALUATION)
    ended = max((execution.ended for execution in recorded.attempts.values()), default=run.created)
    verification = verify(root, recorded.artifacts.values())
    return {
        "run": run,
        "started": moment(run.created),
        "took": duration(ended - run.created),
        "outcome": _outcome(recorded),
        "retrain": bool(model and is_to_be_retrained(store, model)),
        "code": {name: run.properties[name] for name in _RUN_FACTS if name in run.properties},
        "nodes": [_node(recorded, node) for node in recorded.attempts],
        "data": [_data(data) for data in recorded.source_data()],
        "gates": [_gate(node, verdict) for node, verdict in recorded.verdicts()],
        "unread": [artifact for artifact in recorded.of_type(*JUDGEMENTS) if not any(read_measures(artifact))],
        "accuracy": [
            measure
            for type_ in BLESSINGS
            for artifact in recorded.of_type(type_)
            for measure in read_measures(artifact)
            if measure.threshold is None
        ],
        "slices": slice_tables(read_measures(evaluation)) if evaluation else [],
        "confusion": confusion_table(evaluation, _labels(recorded)) if evaluation else None,
        "parameters": _parameters(recorded),
        "payloads": _payloads(recorded, verification.faults),
        "shipped": [files for type_ in _SHIPPED for a in recorded.of_type(type_) for files in _files(a, root)],
        "faults": verification.faults,
        "checked": verification.artifacts,
        "picture": picture(drawing.draw_run(recorded.graph, run)),
    }


def _outcome(recorded: RecordedRun) -> dict[str, Any]:
    failed = [node for node, execution in recorded.attempts.items() if execution.failed]
    if failed:
        return {"good": False, "text": f"Failed at {', '.join(failed)}: nothing was shipped by this run"}
    pushed = recorded.last_of_type(PUSHED_MODEL)
    if pushed is None:
        return {"good": False, "text": "The run did not get as far as a push"}
    if not pushed.properties.get("pushed"):
        record = PushRecord.read_if_sound(Path(pushed.uri))
        gates = ", ".join(record.refused_by if record else ()) or "a gate"
        return {"good": False, "text": f"Not shipped: rejected by {gates}"}
    targets = json.loads(pushed.properties.get("targets") or "{}")
    return {"good": True, "text": f"Shipped as version {pushed.properties.get('version')} to {', '.join(targets)}"}


def _node(recorded: RecordedRun, node: str) -> dict[str, Any]:
    execution, origin = recorded.attempts[node], recorded.graph.cache_origin(recorded.attempts[node])
    producer = origin or execution
    sign, word = drawing.SIGNS.get(execution.state, ("?", execution.state.lower()))
    return {
        "name": node,
        "id": execution.id,
        "sign": f"{sign} {word}",
        "note": f"execution {origin.id} of {origin.run}" if origin else execution.failure or "",
        "took": duration(max(0.0, producer.ended - producer.started)),
        "code": str(producer.properties.get("code_digest", ""))[:12],
    }


def _data(data: SourceData) -> dict[str, Any]:
    counted = data.splits
    splits = {split: counted[split] for split in (*SPLITS, *counted) if split in counted}
    labels: dict[str, dict[str, int]] = {}
    for sequence in data.sequences:
        counts = labels.setdefault(sequence.label, dict.fromkeys(splits, 0))
        counts[sequence.split] += sequence.windows
    return {
        "artifact": data.examples,
        "span": data.span,
        "span_digest": data.span_digest or "",
        "splits": splits,
        "people": len({sequence.subject for sequence in data.sequences}),
        "labels": dict(sorted(labels.items())),
    }


def _gate(node: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "node": node,
        "name": verdict.gate.removeprefix("evaluator ").replace("_", " "),
        "figure": figure(verdict.figure),
        "threshold": verdict.limit,
        "passed": verdict.passed,
        "is_judged": not verdict.lacks_data,
        "judgement": verdict.judgement,
    }


def _labels(recorded: RecordedRun) -> list[str]:
    for execution in recorded.attempts.values():
        found = execution.parameters.get("labels")
        if isinstance(found, list):
            return [str(label) for label in found]
    return []


def _parameters(recorded: RecordedRun) -> dict[str, dict[str, str]]:
    """Return the parameters by node; a parameter that an earlier node has with the same value is left out."""
    known: set[tuple[str, str]] = set()
    shown: dict[str, dict[str, str]] = {}
    for node, execution in recorded.attempts.items():
        for name, text in _flat(_without_names(execution.parameters)).items():
            fact = name.rpartition(".")[2], text
            if fact not in known:
                known.add(fact)
                shown.setdefault(node, {})[name.removeprefix("custom_config.")] = text
    return shown


def _without_names(value: Any, name: str = "") -> Any:
    """Return parameters in which lists of people are replaced by their lengths."""
    if name in ("subjects", PERSON):
        return {key: len(found) for key, found in value.items()} if isinstance(value, dict) else "…"
    if isinstance(value, dict):
        return {key: _without_names(entry, key) for key, entry in value.items()}
    return value


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """Return nested parameters as texts, by names with dots; empty values are left out."""
    if isinstance(value, dict) and value:
        return {
            name: text
            for key, entry in value.items()
            for name, text in _flat(entry, f"{prefix}.{key}" if prefix else str(key)).items()
        }
    if value in ("", None, [], {}):
        return {}
    if isinstance(value, list) and any(isinstance(entry, list | dict) for entry in value):
        value = f"{len(value)} entries"  # the entries are long and may name people
    return {prefix: harmless(value if isinstance(value, str) else json.dumps(value), 600)}


def _payloads(recorded: RecordedRun, faults: Iterable[Fault]) -> list[dict[str, Any]]:
    kinds: dict[int | None, set[str]] = {}
    for fault in faults:
        kinds.setdefault(fault.artifact, set()).add(fault.kind)
    artifacts = sorted(recorded.artifacts.values(), key=lambda artifact: artifact.id)
    return [_payload(artifact, kinds.get(artifact.id, set())) for artifact in artifacts]


def _payload(artifact: Artifact, faults: set[str]) -> dict[str, Any]:
    digest = str(artifact.properties.get("content_digest") or "")
    if artifact.state == ABANDONED:
        state, good = "✗ altered, set aside", False
    elif artifact.state != LIVE:
        state, good = f"∅ {artifact.state.lower()}: removed on purpose", False
    elif not digest:
        state, good = "? recorded without a digest", False
    elif faults:
        state, good = f"✗ {', '.join(sorted(faults))}", False
    else:
        state, good = "✓ as recorded", True
    bytes_ = artifact.properties.get("bytes")
    return {"artifact": artifact, "digest": digest, "state": state, "good": good, "bytes": bytes_}


def _files(artifact: Artifact, root: Path) -> list[dict[str, Any]]:
    """Return the recorded files of an artifact with their digests, a group for each folder that they are in."""
    if artifact.type == PUSHED_MODEL:
        record = PushRecord.find(Path(artifact.uri), artifact.properties.get("targets"))
        return [{"title": str(folder), "files": files} for folder, files in (record.versions if record else {}).items()]
    listing = _listing(root, str(artifact.properties.get("content_digest") or ""))
    return [{"title": f"{artifact.type} {artifact.id}", "files": listing.files}] if listing else []


def _listing(root: Path, digest: str) -> Listing | None:
    try:
        return parse_listing(listing_file(root, digest).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
