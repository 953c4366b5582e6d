"""Time of the auditor's questions and of launching a node, in a metadata store with many runs.

    python -m benchmarks.lineage [--runs 10000] [--root DIR]

The benchmark first fills a store. Every run has 12 nodes, 25 artifacts and the same marks as a real run, and its model
is compared with the model of the run before. Payloads are written only for the runs that the questions are about. A
question is timed as a whole process, including start-up.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pipelines.driver import prepare_driver

prepare_driver()

from ml_metadata.metadata_store import MetadataStore  # noqa: E402
from ml_metadata.proto import metadata_store_pb2 as pb  # noqa: E402

from lineage import marks  # noqa: E402
from lineage.store import backend  # noqa: E402
from payloads.data_judgement import DataJudgement  # noqa: E402
from payloads.evaluation import Evaluation, Slice  # noqa: E402
from payloads.judgements import EdgeJudgement, ServingJudgement, SessionJudgement  # noqa: E402
from payloads.sequences import SequenceRow, write_sequences  # noqa: E402
from payloads.verdict import check_threshold  # noqa: E402

PIPELINE = "baduanjin"
SUBJECTS_A_RUN, RUNS_A_SUBJECT, RUNS_A_SPAN = 24, 20, 20
PROJECT = Path(__file__).parent.parent

# Inputs (key: node.output) and outputs (key: artifact type) of each node.
GRAPH: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "ImportSchemaGen": ({}, {"schema": "Schema"}),
    "KeypointExampleGen": ({}, {"examples": "Examples"}),
    "StatisticsGen": (
        {"examples": "KeypointExampleGen.examples"},
        {f"statistics_{split}": "ExampleStatistics" for split in marks.SPLITS},
    ),
    "ExampleValidator": (
        {"statistics": "StatisticsGen.statistics_train", "schema": "ImportSchemaGen.schema"},
        {f"anomalies_{split}": "ExampleAnomalies" for split in marks.SPLITS},
    ),
    "DataGate": ({"anomalies": "ExampleValidator.anomalies_train"}, {"blessing": "PoselineDataBlessing"}),
    "Transform": (
        {"examples": "KeypointExampleGen.examples", "schema": "ImportSchemaGen.schema"},
        {
            "transform_graph": "TransformGraph",
            "transformed_examples": "Examples",
            "updated_analyzer_cache": "TransformCache",
            "pre_transform_schema": "Schema",
            "pre_transform_stats": "ExampleStatistics",
            "post_transform_schema": "Schema",
            "post_transform_stats": "ExampleStatistics",
            "post_transform_anomalies": "ExampleAnomalies",
        },
    ),
    "Trainer": (
        {"examples": "Transform.transformed_examples", "transform_graph": "Transform.transform_graph"},
        {"model": "Model", "model_run": "ModelRun"},
    ),
    "LatestBlessedModel": ({}, {}),
    "Evaluator": (
        {"examples": "KeypointExampleGen.examples", "model": "Trainer.model", "baseline_model": "before"},
        {"blessing": "ModelBlessing", "evaluation": "ModelEvaluation"},
    ),
    "EdgeConverter": (
        {"model": "Trainer.model", "examples": "KeypointExampleGen.examples"},
        {"edge_model": "PoselineEdgeModel"},
    ),
    "ModelValidator": ({"edge_model": "EdgeConverter.edge_model"}, {"blessing": "PoselineEdgeBlessing"}),
    "ServingSmoke": (
        {"model": "Trainer.model", "edge_model": "EdgeConverter.edge_model", "examples": "KeypointExampleGen.examples"},
        {"blessing": "InfraBlessing"},
    ),
    "ReferenceBuilder": ({"examples": "KeypointExampleGen.examples"}, {"references": "PoselineReferences"}),
    "CoachCalibrator": (
        {"edge_model": "EdgeConverter.edge_model", "examples": "KeypointExampleGen.examples"},
        {"settings": "PoselineCoachSettings"},
    ),
    "SessionEvaluator": (
        {
            "edge_model": "EdgeConverter.edge_model",
            "references": "ReferenceBuilder.references",
            "settings": "CoachCalibrator.settings",
            "examples": "KeypointExampleGen.examples",
        },
        {"blessing": "PoselineSessionBlessing"},
    ),
    "Pusher": (
        {
            "model": "Trainer.model",
            "edge_model": "EdgeConverter.edge_model",
            "model_blessing": "Evaluator.blessing",
            "edge_blessing": "ModelValidator.blessing",
            "infra_blessing": "ServingSmoke.blessing",
            "references": "ReferenceBuilder.references",
            "settings": "CoachCalibrator.settings",
            "session_blessing": "SessionEvaluator.blessing",
        },
        {"pushed_model": "PushedModel"},
    ),
}


class Filler:
    """A writer of runs into a store, in batches."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._store = MetadataStore(backend.connection(root))
        put_context, put_artifact = self._store.put_context_type, self._store.put_artifact_type
        names = ("pipeline", "pipeline_run", "node", "execution_cache", marks.FILE, marks.SUBJECT, marks.SPAN)
        self._contexts = {name: put_context(pb.ContextType(name=name)) for name in names}
        types = {kind for _, outputs in GRAPH.values() for kind in outputs.values()}
        kinds = {name: pb.ArtifactType(name=name) for name in types}
        for kind in kinds.values():
            if kind.name in ("Examples", "ExampleStatistics", "ExampleAnomalies"):
                kind.properties["span"], kind.properties["split_names"] = pb.INT, pb.STRING
        self._artifacts = {name: put_artifact(kind) for name, kind in kinds.items()}
        self._executions = {
            node: self._store.put_execution_type(pb.ExecutionType(name=f"benchmark.{node}")) for node in GRAPH
        }
        self._shared: dict[tuple[str, str], int] = {}
        self._next_execution = 1
        self._model_before: pb.Artifact | None = None

    def context(self, kind: str, name: str) -> pb.Context:
        """Return a context, with its id if it is in the store already."""
        made = pb.Context(type_id=self._contexts[kind], name=name)
        if (kind, name) in self._shared:
            made.id = self._shared[kind, name]
        return made

    def fill(self, first: int, count: int) -> None:
        """Write runs `first` to `first + count - 1` in one transaction."""
        batch = _Batch(self)
        for number in range(first, first + count):
            self._run(batch, number)
        # Contexts are written separately, because the call below links everything that it gets with each other.
        new = [position for position, context in enumerate(batch.contexts) if not context.id]
        for position, context_id in zip(
            new, self._store.put_contexts([batch.contexts[position] for position in new]), strict=True
        ):
            self._shared[batch.keys[position]] = context_id
        execution_ids, artifact_ids, _ = self._store.put_lineage_subgraph(
            batch.executions, batch.artifacts, [], batch.edges
        )
        pipeline = self._shared["pipeline", PIPELINE]
        self._store.put_parent_contexts(
            pb.ParentContext(child_id=self._shared["pipeline_run", run_name(n)], parent_id=pipeline)
            for n in range(first, first + count)
        )
        self._link(batch, artifact_ids, execution_ids)
        if execution_ids[-1] != self._next_execution - 1:
            raise RuntimeError("the store was not empty")
        assert batch.last_model is not None
        self._model_before = batch.artifacts[batch.last_model]
        self._model_before.id = artifact_ids[batch.last_model]

    def _run(self, batch: _Batch, number: int) -> None:
        name = run_name(number)
        run = batch.context("pipeline_run", name)
        for key, value in _facts(number).items():
            batch.contexts[run].custom_properties[key].string_value = value
        made: dict[str, int] = {}
        if self._model_before is not None and not batch.artifacts:
            batch.artifacts.append(self._model_before)
            batch.last_model = 0
        for node, (inputs, outputs) in GRAPH.items():
            contexts = [batch.context("pipeline", PIPELINE), run, batch.context("node", f"{PIPELINE}.{node}")]
            if node != "LatestBlessedModel":
                contexts.append(batch.context("execution_cache", _digest(f"{name}.{node}")))
            execution = pb.Execution(type_id=self._executions[node], last_known_state=pb.Execution.COMPLETE)
            facts = _facts(number) | {"run_id": name, "node_id": node, "code_digest": _digest(f"{node}{number // 50}")}
            facts |= {"custom_config": json.dumps({"seed": number, "labels": ["a", "b"]}), "splits": '["train"]'}
            for key, value in facts.items():
                execution.custom_properties[key].string_value = value
            batch.executions.append(execution)
            index = len(batch.executions) - 1
            for context in contexts:
                batch.associations.append((index, context))
            for key, source in inputs.items():
                artifact = batch.last_model if source == "before" else made[source]
                if artifact is not None:
                    batch.event(index, artifact, pb.Event.INPUT, key)
                    batch.attributions += [(artifact, context) for context in contexts[:3]]
            for key, kind in outputs.items():
                made[f"{node}.{key}"] = batch.artifact(self._artifact(number, node, key, kind))
                batch.event(index, made[f"{node}.{key}"], pb.Event.OUTPUT, key)
                batch.attributions += [(made[f"{node}.{key}"], context) for context in contexts]
            self._next_execution += 1
        batch.last_model = made["Trainer.model"]
        batch.mark(made["KeypointExampleGen.examples"], marks.SPAN, str(span_of(number)))
        for subject, split in people_of(number):
            batch.mark(made["KeypointExampleGen.examples"], marks.SUBJECT, marks.subject_mark(subject, split))
        for output in ("Trainer.model", "EdgeConverter.edge_model", "Pusher.pushed_model"):
            for file in bundle_files(number):
                batch.mark(made[output], marks.FILE, hashlib.sha256(file).hexdigest())

    def _artifact(self, number: int, node: str, key: str, kind: str) -> pb.Artifact:
        uri = str(self._root / "artifacts" / PIPELINE / node / key / str(self._next_execution))
        artifact = pb.Artifact(type_id=self._artifacts[kind], uri=uri, state=pb.Artifact.LIVE)
        properties = artifact.custom_properties
        properties["content_digest"].string_value = _digest(uri)
        properties["bytes"].int_value, properties["files"].int_value = 100_000, 4
        properties["tfx_version"].string_value = "1.21.0"
        if kind in ("ModelBlessing", "PoselineEdgeBlessing", "InfraBlessing", "PoselineDataBlessing"):
            properties["blessed"].int_value = 1
        if kind == "Examples":
            artifact.properties["span"].int_value = span_of(number)
            artifact.properties["split_names"].string_value = json.dumps(marks.SPLITS)
        if kind == "PushedModel":
            properties["pushed"].int_value = 1
            properties["version"].string_value = str(number + 1)
            properties["targets"].string_value = json.dumps({PIPELINE: str(self._root / "pushed" / PIPELINE)})
        return artifact

    def _link(self, batch: _Batch, artifact_ids: list[int], execution_ids: list[int]) -> None:
        attributions = {(artifact_ids[a], self._shared[batch.keys[c]]) for a, c in batch.attributions}
        associations = {(execution_ids[e], self._shared[batch.keys[c]]) for e, c in batch.associations}
        self._store.put_attributions_and_associations(
            [pb.Attribution(artifact_id=a, context_id=c) for a, c in sorted(attributions)],
            [pb.Association(execution_id=e, context_id=c) for e, c in sorted(associations)],
        )


class _Batch:
    """Runs that are written together."""

    def __init__(self, filler: Filler) -> None:
        self._filler = filler
        self.executions: list[pb.Execution] = []
        self.artifacts: list[pb.Artifact] = []
        self.contexts: list[pb.Context] = []
        self.keys: list[tuple[str, str]] = []
        self.index: dict[tuple[str, str], int] = {}
        self.edges: list[tuple[int, int, pb.Event]] = []
        self.attributions: list[tuple[int, int]] = []
        self.associations: list[tuple[int, int]] = []
        self.last_model: int | None = None

    def context(self, kind: str, name: str) -> int:
        if (kind, name) not in self.index:
            self.index[kind, name] = len(self.contexts)
            self.contexts.append(self._filler.context(kind, name))
            self.keys.append((kind, name))
        return self.index[kind, name]

    def artifact(self, artifact: pb.Artifact) -> int:
        self.artifacts.append(artifact)
        return len(self.artifacts) - 1

    def event(self, execution: int, artifact: int, kind: int, key: str) -> None:
        event = pb.Event(type=kind)
        event.path.steps.add().key = key
        event.path.steps.add().index = 0
        self.edges.append((execution, artifact, event))

    def mark(self, artifact: int, kind: str, name: str) -> None:
        self.attributions.append((artifact, self.context(kind, name)))


def run_name(number: int) -> str:
    """Return the name of a run; names sort by time."""
    return f"{PIPELINE}-20260101T{number:06d}"


def span_of(number: int) -> int:
    """Return the number of the span that a run reads."""
    return number // RUNS_A_SPAN


def people_of(number: int) -> Iterator[tuple[str, str]]:
    """Yield the people in a run's data with their splits; a person is in `RUNS_A_SUBJECT` runs in a row."""
    block = number // RUNS_A_SUBJECT
    for index in range(SUBJECTS_A_RUN):
        yield f"p{block * SUBJECTS_A_RUN + index}", marks.SPLITS[index % 3]


def bundle_files(number: int) -> list[bytes]:
    """Return the contents of the files of a run's bundle."""
    return [f"{name} of run {number}".encode() for name in ("int8", "float", "manifest", "pb", "index", "variables")]


def _facts(number: int) -> dict[str, str]:
    return {"git_commit": _digest(str(number // 50))[:40], "git_dirty": "false", "lock_digest": _digest("lock")}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write_payloads(root: Path, number: int) -> None:
    """Write the payloads of one run that the questions read."""
    first = number * len(GRAPH) + 1
    folders = {
        f"{node}.{key}": root / "artifacts" / PIPELINE / node / key / str(first + position)
        for position, (node, (_, outputs)) in enumerate(GRAPH.items())
        for key in outputs
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    rows = [
        SequenceRow(f"{subject}-{i}", subject, "a", split, windows=4)
        for subject, split in people_of(number)
        for i in range(20)
    ]
    write_sequences(folders["KeypointExampleGen.examples"], rows)
    verdict = check_threshold("accuracy", 0.9 + number / 1e6, 0.8, "min", "share")
    slices = tuple(
        Slice(slice={"subject": subject} if subject else {}, metrics={"accuracy": 0.9 + number / 1e6})
        for subject in ("", *(subject for subject, _ in people_of(number)))
    )
    Evaluation(slices=slices, verdicts=(verdict,), blessed=True).write(folders["Evaluator.evaluation"])
    edge = EdgeJudgement(verdicts=(verdict,), accuracy={"int8_sequence": 0.9})
    edge.write(folders["ModelValidator.blessing"])
    serving = ServingJudgement(verdicts=(verdict,), latency_ms={"p95": 0.1})
    serving.write(folders["ServingSmoke.blessing"])
    SessionJudgement(verdicts=(verdict,)).write(folders["SessionEvaluator.blessing"])
    DataJudgement().write(folders["DataGate.blessing"])
    bundle = root / "pushed" / PIPELINE / str(number + 1)
    bundle.mkdir(parents=True)
    for index, content in enumerate(bundle_files(number)):
        (bundle / f"file-{index}").write_bytes(content)


def timed(arguments: list[str], root: Path, times: int = 5) -> tuple[float, float, float]:
    """Run a command several times and measure the whole process.

    Args:
        arguments: arguments of `poseline`, without `--root`.
        root: root of the runs.
        times: number of repetitions.

    Returns:
        Shortest wall time in seconds, shortest processor time in seconds, and peak memory in MB.
    """
    command = [sys.executable, "-m", "pipelines.cli", *arguments, "--root", str(root)]
    wall = processor = float("inf")
    memory = 0.0
    for _ in range(times):
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=PROJECT) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = min(wall, time.perf_counter() - begin)
        processor = min(processor, usage.ru_utime + usage.ru_stime)
        memory = max(memory, usage.ru_maxrss / 1000)
        if process.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return wall, processor, memory


def launch_nodes(root: Path) -> dict[str, float]:
    """Return the seconds that launching each node takes in a real run in which every result is cached."""
    from data.output.terminal import Terminal
    from pipelines.cli.run_display.progress import LineProgress
    from pipelines.config import load_config
    from pipelines.processes.children import ChildProcesses
    from pipelines.running.local_runner import run_plan
    from pipelines.running.plan_cache import obtain_plan
    from pipelines.workspace import Workspace

    config = load_config(PIPELINE, [])
    workspace, children = Workspace(root), ChildProcesses()
    plan = obtain_plan(config, workspace, children)
    silent = LineProgress(Terminal(file=Path(os.devnull).open("w")))  # noqa: SIM115
    for _ in range(3):
        result = run_plan(plan, workspace, children, silent, until_node="DataGate")
    if not result.did_nothing:
        raise RuntimeError("something was not cached")
    return {node: entry.seconds for node, entry in result.nodes.items()}


def main() -> None:
    """Fill a store, ask the questions and print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000, help="number of runs in the store; default: %(default)s")
    parser.add_argument("--root", type=Path, help="folder for the store, which is kept; default: a temporary folder")
    options = parser.parse_args()
    root = (options.root or Path(tempfile.mkdtemp(prefix="poseline-lineage-"))).absolute()
    root.mkdir(parents=True, exist_ok=True)
    try:
        if not (root / "metadata.sqlite").exists():
            fill(root, options.runs)
        ask(root, options.runs)
    finally:
        if not options.root:
            shutil.rmtree(root)


def fill(root: Path, runs: int) -> None:
    """Write runs into an empty root and print how long it took."""
    begin, filler, batch = time.perf_counter(), Filler(root), 50
    for first in range(0, runs, batch):
        filler.fill(first, min(batch, runs - first))
    for number in {runs // 2, runs // 2 + 1, runs - 1}:
        write_payloads(root, number)
    artifacts = sum(len(outputs) for _, outputs in GRAPH.values())
    size = (root / "metadata.sqlite").stat().st_size / 1e6
    print(
        f"{runs} runs, {runs * len(GRAPH)} executions, {runs * artifacts} artifacts: "
        f"{time.perf_counter() - begin:.0f} s, {size:.0f} MB"
    )


def ask(root: Path, runs: int) -> None:
    """Ask the questions and print how long each takes."""
    middle = runs // 2
    bundle = root / "pushed" / PIPELINE / str(middle + 1)
    examples = middle * sum(len(outputs) for _, outputs in GRAPH.values()) + 2
    questions = {
        "trace (bundle)": ["lineage", "trace", str(bundle)],
        "trace (id)": ["lineage", "trace", str(examples)],
        "impact (id)": ["lineage", "impact", str(examples)],
        "impact (subject)": ["lineage", "impact", "--subject", next(people_of(middle))[0]],
        "impact (span)": ["lineage", "impact", "--span", str(span_of(middle))],
        "run": ["lineage", "run", run_name(middle)],
        "diff": ["lineage", "diff", run_name(middle), run_name(middle + 1)],
        "why-ran": ["lineage", "why-ran", "Trainer", run_name(middle)],
        "blame": ["lineage", "blame", "accuracy"],
        "runs": ["runs"],
    }
    for name, arguments in questions.items():
        wall, processor, memory = timed(arguments, root)
        print(f"{name:<20} {wall:6.2f} s, {processor:.2f} s of processor time, {memory:.0f} MB")
    for node, seconds in launch_nodes(root).items():
        print(f"launch of {node:<20} {seconds:6.2f} s (cached, whole launch)")


if __name__ == "__main__":
    main()
