"""Lineage as PROV-JSON, the W3C's provenance model in JSON: https://www.w3.org/submissions/prov-json/.

An artifact is an entity, an execution or a run is an activity, and the code at a commit is an agent. An entity is
generated once, so a cached execution does not generate the artifact that it took, but was influenced by it.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from lineage.formatting import iso_time
from lineage.model import CACHED, Artifact, Execution, Run, Subgraph

_PREFIXES = {
    "poseline": "urn:poseline:",
    "artifact": "urn:poseline:artifact:",
    "execution": "urn:poseline:execution:",
    "run": "urn:poseline:run:",
    "code": "urn:poseline:code:",
}
_SECTIONS = (
    "entity",
    "activity",
    "agent",
    "wasGeneratedBy",
    "used",
    "wasInfluencedBy",
    "wasStartedBy",
    "wasAssociatedWith",
)


def pieces(parts: Iterable[Subgraph]) -> Iterator[str]:
    """Yield the text of one PROV-JSON document, in pieces.

    The sections of the document are collected in temporary files, so that little of a large store is in memory.
    """
    with tempfile.TemporaryDirectory(prefix="poseline-prov-") as folder:
        sections: dict[str, IO[str]] = {}
        for name in _SECTIONS:
            sections[name] = open(f"{folder}/{name}", "w+", encoding="utf-8")  # noqa: SIM115, PTH123
        try:
            for section, key, record in _records(parts):
                file = sections[section]
                file.write(f"{',' if file.tell() else ''}\n  {json.dumps(key)}: {json.dumps(record)}")
            yield f'{{\n "prefix": {json.dumps(_PREFIXES)}'
            for name, file in sections.items():
                if file.tell():
                    file.seek(0)
                    yield f',\n "{name}": {{'
                    yield from iter(lambda f=file: f.read(1 << 20), "")  # type: ignore[misc]
                    yield "\n }"
            yield "\n}\n"
        finally:
            for file in sections.values():
                file.close()


def _records(parts: Iterable[Subgraph]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    number = itertools.count(1)
    run_ids: dict[str, int] = {}
    agents: set[str] = set()
    states: dict[int, str] = {}
    for part in parts:
        for run in part.runs.values():
            run_ids[run.name] = run.id
            yield "activity", f"run:{run.id}", _run(run)
        for artifact in part.artifacts.values():
            yield "entity", f"artifact:{artifact.id}", _artifact(artifact)
        for execution in part.executions.values():
            name = f"execution:{execution.id}"
            states[execution.id] = execution.state
            yield "activity", name, _execution(execution)
            if execution.run in run_ids:
                starter = {"prov:activity": name, "prov:starter": f"run:{run_ids[execution.run]}"}
                yield "wasStartedBy", f"_:{next(number)}", starter | {"prov:time": iso_time(execution.started)}
            if commit := str(execution.properties.get("git_commit", "")):
                agent = f"code:{commit if commit.isalnum() else 'unknown'}"
                if agent not in agents:
                    agents.add(agent)
                    yield "agent", agent, {"prov:type": _name("prov:SoftwareAgent"), "poseline:git_commit": commit}
                yield "wasAssociatedWith", f"_:{next(number)}", {"prov:activity": name, "prov:agent": agent}
        for edge in part.edges:
            execution_name, artifact_name = f"execution:{edge.execution_id}", f"artifact:{edge.artifact_id}"
            if edge.kind == "input":
                ends = {"prov:activity": execution_name, "prov:entity": artifact_name}
                yield "used", f"_:{next(number)}", ends | {"prov:role": edge.key}
            elif states.get(edge.execution_id) == CACHED:
                ends = {"prov:influencee": execution_name, "prov:influencer": artifact_name}
                yield "wasInfluencedBy", f"_:{next(number)}", ends | {"prov:type": _name("poseline:Cached")}
            else:
                ends = {"prov:entity": artifact_name, "prov:activity": execution_name}
                yield "wasGeneratedBy", f"_:{next(number)}", ends | {"prov:role": edge.key}


def _run(run: Run) -> dict[str, Any]:
    return {
        "prov:type": _name("poseline:Run"),
        "prov:label": run.name,
        "prov:startTime": iso_time(run.created),
        "poseline:pipeline": run.pipeline,
        **_attributes(run.properties),
    }


def _execution(execution: Execution) -> dict[str, Any]:
    ended = {} if execution.state == "RUNNING" else {"prov:endTime": iso_time(execution.ended)}
    return {
        "prov:type": _name("poseline:Execution"),
        "prov:label": execution.node,
        "prov:startTime": iso_time(execution.started),
        **ended,
        "poseline:state": execution.state,
        "poseline:run": execution.run,
        "poseline:component": execution.type,
        **_attributes(execution.properties),
    }


def _artifact(artifact: Artifact) -> dict[str, Any]:
    return {
        "prov:type": _name(f"poseline:{artifact.type}") if artifact.type.isidentifier() else artifact.type,
        "prov:label": artifact.name or artifact.type,
        "prov:location": artifact.uri,
        "poseline:state": artifact.state,
        "poseline:created": iso_time(artifact.created),
        **_attributes(artifact.properties),
    }


def _attributes(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as PROV attributes; those whose name cannot be an attribute's name are one JSON text."""
    named = {name: value for name, value in sorted(properties.items()) if name.isidentifier()}
    other = {name: value for name, value in sorted(properties.items()) if not name.isidentifier()}
    found = {
        f"poseline:{name}": value if isinstance(value, str | int | float) else json.dumps(value)
        for name, value in named.items()
    }
    return found | ({"poseline:other_properties": json.dumps(other)} if other else {})


def _name(qualified: str) -> dict[str, str]:
    return {"$": qualified, "type": "prov:QUALIFIED_NAME"}
