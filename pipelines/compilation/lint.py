"""Checks a plan before it runs, because most mistakes in a graph would only show after minutes, or never."""

from __future__ import annotations

import json

from data.errors import InputError
from data.layouts import load_layout
from lineage.node_ids import NodeId
from lineage.nodes import NODES
from pipelines.compilation.plan import Plan, ancestors
from schema.window_contract import read_window_contract
from trainer_module.mirrored_labels import mirror_images, mirrored_labels

_FORBIDDEN_RUNNERS = ("DirectRunner", "SwitchingDirectRunner", "PrismRunner")


def lint(plan: Plan) -> None:
    """Check a plan.

    Raises:
        InputError: the plan is not sound; the message lists everything that is wrong.
    """
    problems = [
        *_undescribed(plan),
        *_gates(plan),
        *_runner(plan),
        *_shapes(plan),
        *_labels(plan),
        *_splits(plan),
        *_functions(plan),
    ]
    if problems:
        raise InputError(
            "the graph is not sound: " + "; ".join(problems),
            f"configuration {plan.config.name!r}",
            "correct the configuration, the schema or pipelines/graph.py",
        )


def _undescribed(plan: Plan) -> list[str]:
    return [f"node {node} is not in lineage/nodes.py" for node in plan.nodes if node not in NODES]


def _gates(plan: Plan) -> list[str]:
    return [
        f"{description.before} does not come after {gate}"
        for gate, description in NODES.items()
        if description.before in plan.nodes and gate not in ancestors(plan.nodes, description.before)
    ]


def _runner(plan: Plan) -> list[str]:
    runners = [arg.partition("=")[2] for arg in plan.config.runner.beam_args if arg.startswith("--runner=")]
    if not runners:
        return ["runner.beam_args has no --runner (Beam would try to download one)"]
    return [
        f"Beam runner {runner} may download or start another runner: use FnApiRunner"
        for runner in runners
        if runner in _FORBIDDEN_RUNNERS
    ]


def _shapes(plan: Plan) -> list[str]:
    config = plan.config
    contract = read_window_contract(config.schema_file)
    layout = load_layout(config.layout)
    if len(layout.joints) != contract.joints:
        return [
            f"layout {layout.name} has {len(layout.joints)} joints, the schema's windows have {contract.joints} "
            f"({config.schema_file.name})"
        ]
    if config.windows.fit == "slide" and config.windows.stride > contract.length:
        return [f"windows.stride {config.windows.stride} is longer than a window ({contract.length}): frames are lost"]
    return []


def _labels(plan: Plan) -> list[str]:
    """Return what is wrong with labels that name a side, left or right.

    Such a label needs a label for the other side, and a model that can distinguish the sides.
    """
    labels = read_window_contract(plan.config.schema_file).labels
    problems = []
    if plan.config.training.augmentation.mirror:
        try:
            mirrored_labels(labels)
        except InputError as error:
            problems.append(f"{error.what} ({error.where}): {error.remedy}")
    sided = [label for label, mirrored in zip(labels, mirror_images(labels), strict=True) if label != mirrored]
    if sided and plan.config.transform.align_side:
        problems.append(f"transform.align_side hides which side is meant in {', '.join(sided)}: set it to false")
    return problems


def _splits(plan: Plan) -> list[str]:
    made = set(plan.config.split.split_names())
    evaluated = plan.nodes[NodeId.EVALUATOR].parameters.parameters["example_splits"].field_value.string_value
    used = {"train", *(json.loads(evaluated) or ())}
    return [f"split {split!r} is used but the split policy makes {sorted(made)}" for split in sorted(used - made)]


def _functions(plan: Plan) -> list[str]:
    problems = []
    for node, closure in plan.code.items():
        parameters = plan.nodes[node].parameters.parameters
        for name in ("run_fn", "preprocessing_fn"):
            path = parameters[name].field_value.string_value if name in parameters else ""
            module = path.rpartition(".")[0].replace(".", "/")
            if path and not any(
                str(file).endswith((f"{module}.py", f"{module}/__init__.py")) for file in closure.files
            ):
                problems.append(f"{node}: {name} {path} is not a function of this project")
    return problems
