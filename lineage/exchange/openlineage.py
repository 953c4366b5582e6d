"""Lineage as OpenLineage events: https://openlineage.io, core specification 2-0-2.

A node is a job and an execution is a run of it; its parent is the run of the pipeline. An artifact is a dataset: its
folder is the name, its content digest the version. A verdict is an assertion about the dataset that the gate judged.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from lineage.formatting import iso_time
from lineage.measures import read_measures
from lineage.model import CACHED, Artifact, Execution, Run, Subgraph
from lineage.nodes import NODES
from lineage.store.reader import LineageStore

PRODUCER = "urn:poseline:lineage"
_CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_ENDS = {"COMPLETE": "COMPLETE", "CACHED": "COMPLETE", "FAILED": "FAIL", "CANCELED": "ABORT"}
_JUDGED: dict[str, str | None] = {node: description.judges for node, description in NODES.items()}

Event = dict[str, Any]


def lines(store: LineageStore, parts: Iterable[Subgraph]) -> Iterator[str]:
    """Yield the events of a store as lines of JSON, the format of OpenLineage's file transport."""
    for event in events(store, parts):
        yield json.dumps(event, separators=(",", ":")) + "\n"


def events(store: LineageStore, parts: Iterable[Subgraph]) -> Iterator[Event]:
    """Yield the events of every run and execution: START and, if it has ended, COMPLETE, FAIL or ABORT."""
    runs: dict[str, Run] = {}
    ended: dict[str, float] = {}
    states: dict[str, dict[str, str]] = {}
    for part in parts:
        runs |= part.runs
        for run in part.runs.values():
            yield _event("START", run.created, _run_id(run.name), run.pipeline, run.pipeline, _run_facets(run))
        own = [execution for execution in part.executions.values() if execution.run in runs]
        artifacts = store.artifacts({edge.artifact_id for edge in part.edges})
        whole = Subgraph(artifacts, part.executions, runs, part.edges)
        for execution in own:
            yield from _execution_events(whole, execution, runs[execution.run])
            ended[execution.run] = max(ended.get(execution.run, 0.0), execution.ended)
            states.setdefault(execution.run, {})[execution.node] = execution.state
    for name, last in states.items():
        if "RUNNING" not in last.values():
            kind = "FAIL" if {"FAILED", "CANCELED"} & set(last.values()) else "COMPLETE"
            run = runs[name]
            yield _event(kind, ended[name], _run_id(name), run.pipeline, run.pipeline, _run_facets(run))


def _execution_events(graph: Subgraph, execution: Execution, run: Run) -> Iterator[Event]:
    id_, facets = _run_id(f"{run.name}/{execution.id}"), _execution_facets(graph, execution, run)
    yield _event("START", execution.started, id_, run.pipeline, execution.node, facets)
    if execution.state in _ENDS:
        event = _event(_ENDS[execution.state], execution.ended, id_, run.pipeline, execution.node, facets)
        yield event | {
            "inputs": [
                _dataset(artifact) | _assertions(graph, execution, key)
                for key, artifacts in graph.inputs(execution.id).items()
                for artifact in artifacts
            ],
            "outputs": [_dataset(a) for artifacts in graph.outputs(execution.id).values() for a in artifacts],
        }


def _event(kind: str, seconds: float, run_id: str, namespace: str, job: str, facets: Event) -> Event:
    integration = _facet("2-0-2/JobTypeJobFacet", processingType="BATCH", integration="POSELINE", jobType="TASK")
    return {
        "eventType": kind,
        "eventTime": iso_time(seconds),
        "run": {"runId": run_id, "facets": facets},
        "job": {"namespace": namespace or "poseline", "name": job, "facets": {"jobType": integration}},
        "producer": PRODUCER,
        "schemaURL": _CORE,
    }


def _run_facets(run: Run) -> Event:
    return {"tags": _tags({"run": run.name, **run.properties})}


def _execution_facets(graph: Subgraph, execution: Execution, run: Run) -> Event:
    origin = graph.cache_origin(execution)
    known = {"execution": execution.id, "state": execution.state}
    if origin:
        known |= {"cached_from_run": origin.run, "cached_from_execution": origin.id}
    facets = {
        "parent": _facet(
            "1-0-0/ParentRunFacet",
            run={"runId": _run_id(run.name)},
            job={"namespace": run.pipeline or "poseline", "name": run.pipeline},
        ),
        "tags": _tags(known | dict(execution.properties)),
    }
    if execution.failure:
        facets["errorMessage"] = _facet(
            "1-0-0/ErrorMessageRunFacet", message=execution.failure, programmingLanguage="PYTHON"
        )
    return facets


def _dataset(artifact: Artifact) -> Event:
    facets = {"datasetType": _facet("1-0-0/DatasetTypeDatasetFacet", datasetType="FILE", subType=artifact.type)}
    if digest := artifact.properties.get("content_digest"):
        facets["version"] = _facet("1-0-0/DatasetVersionDatasetFacet", datasetVersion=str(digest))
    return {"namespace": "file", "name": artifact.uri, "facets": facets}


def _assertions(graph: Subgraph, execution: Execution, key: str) -> Event:
    """Return the verdicts of a gate as assertions about the input that it judged; empty for other inputs."""
    if _JUDGED.get(execution.node) != key or execution.state == CACHED:
        return {}
    found = [
        {"assertion": f"{m.metric}: {m.value} (threshold {m.threshold})", "success": m.passed}
        for artifacts in graph.outputs(execution.id).values()
        for artifact in artifacts
        for m in read_measures(artifact)
        if m.passed is not None
    ]
    facet = _facet("1-0-0/DataQualityAssertionsDatasetFacet", assertions=found)
    return {"inputFacets": {"dataQualityAssertions": facet}} if found else {}


def _tags(values: Event) -> Event:
    tags = [
        {"key": name, "value": value if isinstance(value, str) else json.dumps(value), "source": "POSELINE"}
        for name, value in sorted(values.items())
    ]
    return _facet("1-0-0/TagsRunFacet", tags=tags)


def _facet(schema: str, **fields: Any) -> Event:
    name = schema.partition("/")[2]
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACETS}/{schema}.json#/$defs/{name}", **fields}


def _run_id(name: str) -> str:
    """Return a UUID that is the same for the same run or execution in every export."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:poseline:run:{name}"))
