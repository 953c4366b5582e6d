"""Lineage as six flat tables, which `sql` queries and `export` writes."""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.artifact_types import EXAMPLES
from lineage.marks import subject_digest
from lineage.measures import JUDGEMENTS, PERSON, read_measures
from lineage.model import Artifact, Execution, Run, Subgraph
from lineage.store.reader import LineageStore
from payloads.sequences import read_sequences

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
_BATCH = 1000
_CODE = ("git_commit", "git_dirty", "lock_digest")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: name of the column.
        type: name of its Arrow type.
        meaning: description of its values.
    """

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is computed from a store.

    Attributes:
        name: name of the table.
        row: description of a row.
        columns: columns of the table.
        rows: function that reads the rows of a store, or of one run of it.
        nameless: function that removes the names of people from a row.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    rows: Callable[[LineageStore, str | None], Iterator[Row]]
    nameless: Callable[[Row], Row] = lambda row: row

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the table."""
        import pyarrow as pa

        return pa.schema([pa.field(column.name, pa.type_for_alias(column.type)) for column in self.columns])

    def batches(self, store: LineageStore, run: str | None = None, *, names: bool = True) -> Iterator[pa.RecordBatch]:
        """Yield the rows in batches of bounded size.

        Args:
            store: store to read.
            run: name of the only run to read; None for the whole store.
            names: whether rows contain the names of people.
        """
        import pyarrow as pa

        for rows in itertools.batched(self.rows(store, run), _BATCH):
            shown = rows if names else tuple(self.nameless(row) for row in rows)
            yield pa.RecordBatch.from_pylist(list(shown), schema=self.schema)


def _parts(store: LineageStore, run: str | None) -> Iterable[Subgraph]:
    return store.whole() if run is None else [store.run_subgraph(run)]


def _runs(store: LineageStore, run: str | None) -> Iterator[Row]:
    for found in [store.run(run)] if run else store.runs(None):
        yield _run_row(found)


def _run_row(run: Run) -> Row:
    return {
        "run": run.name,
        "pipeline": run.pipeline,
        "created": _time(run.created),
        **_code(run.properties),
        "python": _text(run.properties.get("python")),
    }


def _nodes(store: LineageStore, run: str | None) -> Iterator[Row]:
    for part in _parts(store, run):
        for execution in part.executions.values():
            yield _node_row(execution)


def _node_row(execution: Execution) -> Row:
    ended = None if execution.state == "RUNNING" else execution.ended
    known = {*_CODE, "code_digest"}
    return {
        "id": execution.id,
        "run": execution.run,
        "node": execution.node,
        "type": execution.type,
        "state": execution.state,
        "started": _time(execution.started),
        "ended": None if ended is None else _time(ended),
        "seconds": None if ended is None else max(0.0, ended - execution.started),
        **_code(execution.properties),
        "code_digest": _text(execution.properties.get("code_digest")),
        "parameters": _json({k: v for k, v in execution.properties.items() if k not in known}),
    }


def _artifacts(store: LineageStore, run: str | None) -> Iterator[Row]:
    for part in _parts(store, run):
        for artifact in part.artifacts.values():
            yield _artifact_row(artifact)


def _artifact_row(artifact: Artifact) -> Row:
    of = artifact.properties.get
    return {
        "id": artifact.id,
        "type": artifact.type,
        "name": artifact.name,
        "uri": artifact.uri,
        "state": artifact.state,
        "created": _time(artifact.created),
        "digest": _text(of("content_digest")),
        "bytes": _whole_number(of("bytes")),
        "files": _whole_number(of("files")),
        "span": _whole_number(of("span")),
        "version": _text(of("version")),
        "blessed": bool(of("blessed")) if isinstance(of("blessed"), int) else None,
        "pushed": bool(of("pushed")) if isinstance(of("pushed"), int) else None,
        "properties": _json(dict(artifact.properties)),
    }


def _edges(store: LineageStore, run: str | None) -> Iterator[Row]:
    for part in _parts(store, run):
        for edge in part.edges:
            yield {"node_id": edge.execution_id, "artifact_id": edge.artifact_id, "kind": edge.kind, "key": edge.key}


def _metrics(store: LineageStore, run: str | None) -> Iterator[Row]:
    for artifact, maker in _made(store, run, JUDGEMENTS):
        row = {"artifact_id": artifact.id, "node_id": maker.id, "run": maker.run, "node": maker.node}
        for found in read_measures(artifact):
            yield row | asdict(found)


def _subjects(store: LineageStore, run: str | None) -> Iterator[Row]:
    for artifact, maker in _made(store, run, (EXAMPLES,)):
        people: dict[tuple[str, str], list[int]] = {}
        for sequence in read_sequences(Path(artifact.uri)):
            counts = people.setdefault((sequence.split, sequence.subject), [0, 0])
            counts[0] += 1
            counts[1] += sequence.windows
        for (split, subject), (sequences, windows) in sorted(people.items()):
            yield {
                "artifact_id": artifact.id,
                "run": maker.run,
                "split": split,
                "subject": subject,
                "subject_digest": subject_digest(subject),
                "sequences": sequences,
                "windows": windows,
            }


def _nameless_metric(row: Row) -> Row:
    feature, _, value = row["slice"].partition("=")
    return row | {"slice": f"{feature}={subject_digest(value)}"} if feature == PERSON else row


def _made(store: LineageStore, run: str | None, types: tuple[str, ...]) -> Iterator[tuple[Artifact, Execution]]:
    """Yield the artifacts of some types with the executions that made them."""
    for part in [store.run_subgraph(run)] if run else store.of_types(types):
        found = {artifact.id: artifact for artifact in part.of_type(*types)}
        makers = store.made_by(found)
        executions = store.executions({edge.execution_id for edge in makers.values()})
        for id_ in sorted(makers):
            yield found[id_], executions[makers[id_].execution_id]


def _code(properties: Any) -> Row:
    return {
        "git_commit": _text(properties.get("git_commit")),
        "git_dirty": {"true": True, "false": False}.get(str(properties.get("git_dirty"))),
        "lock_digest": _text(properties.get("lock_digest")),
    }


def _time(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _whole_number(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _columns(text: str) -> tuple[Column, ...]:
    rows = (line.split(None, 2) for line in text.strip().splitlines())
    return tuple(Column(name, type_, meaning) for name, type_, meaning in rows)


TABLES = {
    table.name: table
    for table in (
        Table(
            "runs",
            "one run of a pipeline",
            _columns("""
                run          string         run id
                pipeline     string         name of the pipeline
                created      timestamp[ms]  start of the run, UTC
                git_commit   string         commit of the code
                git_dirty    bool           whether files differed from that commit
                lock_digest  string         SHA-256 of the lock file, which fixes the environment
                python       string         version of the Python interpreter
            """),
            _runs,
        ),
        Table(
            "nodes",
            "one attempt at a node",
            _columns("""
                id           int64          execution id
                run          string         run id
                node         string         id of the node
                type         string         class of the component
                state        string         COMPLETE, CACHED, FAILED, CANCELED or RUNNING
                started      timestamp[ms]  start of the attempt, UTC
                ended        timestamp[ms]  end of the attempt, UTC; empty while it runs
                seconds      double         wall time of the attempt; empty while it runs
                git_commit   string         commit of the code
                git_dirty    bool           whether files differed from that commit
                lock_digest  string         SHA-256 of the lock file, which fixes the environment
                code_digest  string         digest of the files with the node's code
                parameters   string         JSON object of the parameters and all other recorded properties
            """),
            _nodes,
        ),
        Table(
            "artifacts",
            "one artifact",
            _columns("""
                id           int64          artifact id
                type         string         artifact type: Examples, Model, PushedModel, ...
                name         string         name in the store, often empty
                uri          string         folder of the payload
                state        string         LIVE, DELETED, ABANDONED
                created      timestamp[ms]  creation time, UTC
                digest       string         content digest of the payload
                bytes        int64          size of the payload
                files        int64          number of files in the payload
                span         int64          number of the span; empty if it is not data
                version      string         number of the published version; empty if it is not a push
                blessed      bool           whether the gate accepted; empty if it is not a blessing
                pushed       bool           whether a version was published; empty if it is not a push
                properties   string         JSON object of all properties
            """),
            _artifacts,
        ),
        Table(
            "edges",
            "an artifact that is an input or an output of an execution",
            _columns("""
                node_id      int64          execution id: nodes.id
                artifact_id  int64          artifacts.id
                kind         string         input or output
                key          string         name of the input or output
            """),
            _edges,
        ),
        Table(
            "metrics",
            "a figure that a gate measured, on all examples or on a slice",
            _columns("""
                artifact_id  int64          artifact that contains the figure: artifacts.id
                node_id      int64          execution that measured it: nodes.id
                run          string         run in which it was measured
                node         string         gate that measured it, for example Evaluator
                slice        string         all, or feature=value
                metric       string         name of the metric or gate
                value        double         the figure
                lower        double         lower end of its 95 % interval; empty without one
                upper        double         upper end of its 95 % interval; empty without one
                threshold    double         threshold of the gate; empty if no gate checks the figure
                passed       bool           whether the gate accepted the figure; empty if it was not judged
            """),
            _metrics,
            _nameless_metric,
        ),
        Table(
            "subjects",
            "a person in a split of an Examples artifact",
            _columns("""
                artifact_id     int64   Examples artifact: artifacts.id
                run             string  run that read the data
                split           string  train, eval or test
                subject         string  name of the person in the data; empty in an export
                subject_digest  string  digest that identifies the person in the metadata store
                sequences       int64   number of the person's sequences
                windows         int64   number of the person's windows
            """),
            _subjects,
            lambda row: row | {"subject": None},
        ),
    )
}
