"""A recorded run with the final attempt at each node, the artifacts that resulted, and the verdicts of the gates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from lineage.artifact_types import EVALUATION, EXAMPLES
from lineage.measures import figures_of, read_slices, read_verdicts
from lineage.model import Artifact, Execution, Run, Subgraph
from lineage.store.reader import LineageStore
from payloads.sequences import SequenceRow, count_by_split, people_by_split, read_sequences
from payloads.verdict import Verdict


@dataclass(frozen=True, slots=True)
class SourceData:
    """Examples that were made from a span of data, not from other examples.

    Attributes:
        examples: the artifact.
        reader: execution that read the span.
        sequences: sequences that were read; empty if the payload is gone.
    """

    examples: Artifact
    reader: Execution
    sequences: list[SequenceRow]

    @property
    def span(self) -> Any:
        """The number of the span."""
        return self.examples.properties.get("span")

    @property
    def span_digest(self) -> Any:
        """The digest of the span's files; None if it was not recorded."""
        return self.reader.properties.get("span_digest")

    @property
    def splits(self) -> dict[str, dict[str, int]]:
        """The numbers of sequences, windows and subjects by split."""
        return {
            split: {name: counts[name] for name in ("sequences", "windows", "subjects")}
            for split, counts in count_by_split(self.sequences).items()
        }

    @property
    def subjects(self) -> dict[str, list[str]]:
        """The names of the subjects by split."""
        return people_by_split(self.sequences)


class RecordedRun:
    """A run as the metadata store and the payloads describe it.

    Attributes:
        run: the run.
        graph: executions of the run, their inputs and outputs, and the executions that made what was cached.
        attempts: last execution of each node by node id.
    """

    def __init__(self, graph: Subgraph, run: Run) -> None:
        self.run = run
        self.graph = graph
        self.attempts = graph.last_attempts(run)

    @classmethod
    def read(cls, store: LineageStore, run: Run) -> Self:
        """Read a run from the store."""
        return cls(store.run_subgraph(run), run)

    @cached_property
    def producers(self) -> dict[str, Execution]:
        """The execution that made the outputs of each node, in this run or an earlier one, by node id."""
        return {node: self.graph.producer(execution) for node, execution in self.attempts.items()}

    @cached_property
    def artifacts(self) -> dict[int, Artifact]:
        """The outputs of all last attempts by artifact id."""
        return {artifact.id: artifact for node in self.attempts for artifact in self.outputs(node)}

    def outputs(self, node: str) -> list[Artifact]:
        """Return the outputs of the last attempt at a node."""
        found = self.graph.outputs(self.attempts[node].id)
        return [artifact for artifacts in found.values() for artifact in artifacts]

    def of_type(self, *types: str) -> list[Artifact]:
        """Return the outputs of the given types."""
        return [artifact for artifact in self.artifacts.values() if artifact.type in types]

    def last_of_type(self, type_: str) -> Artifact | None:
        """Return the last output of a type; None if there is none."""
        return next(reversed(self.of_type(type_)), None)

    def source_data(self) -> list[SourceData]:
        """Return the run's Examples that come from a span, whether the run read them or took them from the cache."""
        return list(source_data(self.graph, self.of_type(EXAMPLES)))

    def verdicts(self) -> Iterator[tuple[str, Verdict]]:
        """Yield the id of each gate with each of its verdicts, ordered by id.

        Gates that run at the same time end in any order; two runs can still be compared line by line.
        """
        for node in sorted(self.attempts):
            for artifact in self.outputs(node):
                for verdict in read_verdicts(artifact):
                    yield node, verdict

    def figures(self) -> dict[str, float]:
        """Return every figure about the model by name: metrics, verdicts, accuracy, latency and size of the files."""
        return figures_of(self.artifacts.values())

    def slices(self) -> dict[str, dict[str, float]]:
        """Return the metrics of Evaluator by slice; empty without a readable evaluation."""
        evaluation = self.last_of_type(EVALUATION)
        return read_slices(evaluation) if evaluation else {}


def source_data(graph: Subgraph, examples: Iterable[Artifact]) -> Iterator[SourceData]:
    """Yield those of some Examples artifacts that were read from a span of data."""
    for artifact in examples:
        maker = graph.maker(artifact.id)
        if maker is not None and not graph.inputs(maker.id):
            yield SourceData(artifact, maker, read_sequences(Path(artifact.uri)))
