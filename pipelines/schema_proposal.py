"""Infers a schema from a span with TFDV and compares it with the curated schema."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.files import write_atomically
from data.health import window_health
from data.layouts import load_layout
from data.store import find_span, read_sequences
from data.windows import WindowSpec, cut_windows
from pipelines.config import PipelineConfig
from pipelines.processes.children import ChildProcesses
from schema.window_contract import KEYPOINTS, read_window_contract

if TYPE_CHECKING:
    import pyarrow as pa
    from tensorflow_metadata.proto.v0.schema_pb2 import Feature, Schema

    from data.output.terminal import Terminal

_BATCH = 1024
_MAX_WORDS = 100
_NAMES = ("sequence_id", "subject")  # any name is valid


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between a feature in the data and in the curated schema.

    Attributes:
        feature: name of the feature.
        curated: values that the schema allows; empty if it does not have the feature.
        seen: values in the data; empty if they do not have the feature.
        change: what a person has to decide on; empty if the data fit the schema.
    """

    feature: str
    curated: str
    seen: str
    change: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """An inferred schema.

    Attributes:
        windows: number of windows from which the schema was inferred.
        text: inferred schema in the text format of `.pbtxt` files.
        changes: comparison of every feature with the curated schema, in the order of the data.
    """

    windows: int
    text: str
    changes: list[Change]


def propose(config: PipelineConfig, folder: Path, span: int | None, scratch: Path) -> Proposal:
    """Infer a schema from the windows of a span, in a process that may import TFDV.

    Args:
        config: configuration with the window settings and the curated schema.
        folder: data folder, or folder of a span.
        span: number of the span; None takes the latest.
        scratch: folder for temporary files.

    Raises:
        InputError: the span cannot be read.
    """
    result = scratch / "proposal.json"
    arguments = (config.model_dump_json(), str(find_span(folder, span)), str(result))
    ChildProcesses().run(_infer_to, arguments, scratch / "proposal.log", heavy=True)
    found = json.loads(result.read_text(encoding="utf-8"))
    return Proposal(found["windows"], found["text"], [Change(**change) for change in found["changes"]])


def _infer_to(config_json: str, span_dir: str, result: str) -> None:
    """Infer in a child process and write a Proposal as JSON."""
    config = PipelineConfig.model_validate_json(config_json)
    write_atomically(Path(result), json.dumps(asdict(_infer(config, Path(span_dir)))))


def _infer(config: PipelineConfig, span_dir: Path) -> Proposal:
    import pyarrow as pa
    import tensorflow_data_validation as tfdv
    from google.protobuf import text_format
    from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
    from tensorflow_metadata.proto.v0.schema_pb2 import FLOAT

    table = pa.Table.from_batches(_batches(config, span_dir)).combine_chunks()
    statistics = generate_statistics_in_memory(table.to_batches()[0], tfdv.StatsOptions())
    schema = tfdv.infer_schema(statistics, infer_feature_shape=True, max_string_domain_size=_MAX_WORDS)
    curated = tfdv.load_schema_text(str(config.schema_file))
    for feature in schema.feature:
        found = tfdv.get_feature_stats(statistics.datasets[0], tfdv.FeaturePath([feature.name])).num_stats
        if feature.type == FLOAT:
            feature.float_domain.min, feature.float_domain.max = found.min, found.max
        elif found.max > found.min:
            feature.int_domain.min, feature.int_domain.max = int(found.min), int(found.max)
        if feature.name in _NAMES:
            feature.ClearField("domain")
    keypoints = schema.feature.add(name=KEYPOINTS, type=FLOAT)
    keypoints.presence.min_fraction, keypoints.presence.min_count = 1, 1
    contract = read_window_contract(config.schema_file)
    joints = len(load_layout(config.layout).joints)
    for size in (contract.length, joints, contract.channels):
        keypoints.shape.dim.add(size=size)
    text = f"# Inferred from {table.num_rows} windows of {span_dir}. It describes the data; it is not a requirement.\n"
    return Proposal(table.num_rows, text + text_format.MessageToString(schema), _changes(schema, curated))


def _batches(config: PipelineConfig, span_dir: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    spec = WindowSpec(length=read_window_contract(config.schema_file).length, **config.windows.model_dump())
    layout = load_layout(config.layout)
    clips = (clip for sequence in read_sequences(span_dir) for clip in sequence.clips())
    windows = ((clip, window) for clip in clips for window in cut_windows(clip, spec))
    for batch in itertools.batched(windows, _BATCH):
        texts = {
            name: [getattr(clip, name) or "" for clip, _ in batch]
            for name in ("sequence_id", "subject", "label", "view")
        }
        numbers = {"start_frame": [window.start_frame for _, window in batch]}
        columns: dict[str, Any] = texts | numbers | window_health([window for _, window in batch], layout)
        arrays = {name: pa.array([[value] for value in values]) for name, values in columns.items()}
        yield pa.RecordBatch.from_pydict(arrays)


def _changes(proposed: Schema, curated: Schema) -> list[Change]:
    known = {feature.name: feature for feature in curated.feature}
    found = {feature.name: feature for feature in proposed.feature}
    changes = [
        _change(known.get(name), curated, feature, proposed)
        for name, feature in sorted(found.items(), key=lambda item: (item[0] not in known, item[0]))
    ]
    absent = [
        name for name in known if name not in found and name != "label_id"
    ]  # label ids are computed together with the examples
    return changes + [
        Change(name, _allowed(known[name], curated), "", "no such feature in the data") for name in absent
    ]


def _change(curated: Feature | None, curated_schema: Schema, seen: Feature, seen_schema: Schema) -> Change:
    allowed_by_data = _allowed(seen, seen_schema)
    if curated is None:
        return Change(seen.name, "", allowed_by_data, "new: add it to the schema, or remove it from the data")
    changes = []
    if curated.type != seen.type:
        changes.append("another type")
    if seen.name == KEYPOINTS and list(curated.shape.dim) != list(seen.shape.dim):
        changes.append("another shape")
    words, allowed = _words(seen, seen_schema), _words(curated, curated_schema)
    if allowed and (new := [word for word in words if word not in allowed]):
        changes.append(f"{'also' if curated.distribution_constraints.min_domain_mass < 1 else 'new'}: {', '.join(new)}")
    if allowed and words and (unseen := [word for word in allowed if word not in words]):
        changes.append(f"not seen: {', '.join(unseen)}")
    for kind in ("float_domain", "int_domain"):
        if curated.HasField(kind) and seen.HasField(kind):
            bound, span = getattr(curated, kind), getattr(seen, kind)
            if bound.HasField("min") and span.min < bound.min:
                changes.append(f"below {bound.min:g}")
            if bound.HasField("max") and span.max > bound.max:
                changes.append(f"above {bound.max:g}")
    return Change(seen.name, _allowed(curated, curated_schema), allowed_by_data, "; ".join(changes))


def _words(feature: Feature, schema: Schema) -> list[str]:
    if feature.domain:
        return next((list(domain.value) for domain in schema.string_domain if domain.name == feature.domain), [])
    return list(feature.string_domain.value)


def _allowed(feature: Feature, schema: Schema) -> str:
    """Return a short description of a feature's type and domain."""
    from tensorflow_metadata.proto.v0.schema_pb2 import FeatureType

    if feature.name == KEYPOINTS:
        return " x ".join(str(dim.size) for dim in feature.shape.dim)
    if words := _words(feature, schema):
        mass = feature.distribution_constraints.min_domain_mass
        named = ", ".join(words) if len(words) <= 3 else f"{len(words)} words"
        return named + (f" in {mass:.0%}" if mass < 1 else "")
    for kind in ("float_domain", "int_domain"):
        if feature.HasField(kind):
            domain = getattr(feature, kind)
            ends = [f"{getattr(domain, end):.4g}" if domain.HasField(end) else "any" for end in ("min", "max")]
            return " to ".join(ends)
    return {"BYTES": "any words", "INT": "any integers", "FLOAT": "any numbers"}[FeatureType.Name(feature.type)]


def show(proposal: Proposal, console: Terminal) -> None:
    """Print the features that differ, then those that fit the schema."""
    from rich.table import Table

    table = Table("feature", "schema", "data", "to judge")
    for change in sorted(proposal.changes, key=lambda change: not change.change):
        cells = (change.feature, change.curated or "-", change.seen or "-", change.change)
        table.add_row(*cells, style="" if change.change else "dim")
    console.print(table)
    open_ = sum(bool(change.change) for change in proposal.changes)
    console.print(f"{open_} of {len(proposal.changes)} features to judge, in {proposal.windows:,} windows")
