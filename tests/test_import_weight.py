"""Modules and commands that must start fast import no heavy package, and work where a package cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
TFX_PACKAGES = ("tensorflow", "tfx", "apache_beam")
HELP = "from pipelines.cli.main import main\nmain(['--help'], standalone_mode=False)"


@dataclass(frozen=True)
class Case:
    """A program and the packages that it must do without.

    Attributes:
        program: Python source.
        absent: modules that are not loaded when the program has ended; a module's submodules count.
        blocked: modules whose import fails while the program runs.
    """

    program: str
    absent: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


def _serving_modules() -> str:
    folder = PROJECT / "serving_targets"
    files = [file for pattern in ("*.py", "coach/**/*.py") for file in sorted(folder.glob(pattern))]
    names = [file.relative_to(PROJECT).with_suffix("") for file in files if file.stem != "__init__"]
    return ", ".join(".".join(name.parts) for name in names)


CASES = {
    "data.layouts": Case(
        "import data.layouts\ndata.layouts.load_layout('coco17')",
        absent=(*TFX_PACKAGES, "pandas", "pyarrow", "pydantic"),
    ),
    "data.describe": Case("import data.describe, data.synthetic", absent=(*TFX_PACKAGES, "pandas", "rich", "scipy")),
    "poseline init": Case(
        "import pipelines.cli.init, pipelines.new_project.create, pipelines.new_project.raw_recordings",
        absent=(*TFX_PACKAGES, "keras", "pandas"),
    ),
    "data.report": Case("import data.report", absent=TFX_PACKAGES),
    "serving_targets": Case(f"import {_serving_modules()}", absent=(*TFX_PACKAGES, "keras", "rich")),
    "the coach": Case(
        "import serving_targets.coach.coach",
        absent=(*TFX_PACKAGES, "keras", "pandas", "rich", "scipy", "sklearn"),
    ),
    "lineage": Case(
        "import lineage.cli.commands, lineage.exchange.sql, lineage.drawings.audit_report, lineage.exchange.export",
        absent=("tensorflow", "tfx"),
    ),
    "DataGate": Case(
        "import components.data_gate.executor", absent=("tfx.components",), blocked=("tensorflow", "apache_beam")
    ),
    "EdgeConverter": Case(
        "import components.edge_converter.component, components.edge_converter.executor", blocked=("tensorflow",)
    ),
    "ModelValidator": Case(
        "import components.model_validator.component, components.model_validator.executor", blocked=("tensorflow",)
    ),
    "ServingSmoke": Case(
        "import components.serving_smoke.component, components.serving_smoke.executor", blocked=("tensorflow",)
    ),
    "the coach's nodes": Case(
        "import components.reference_builder.component, components.coach_calibrator.component,"
        " components.session_evaluator.component",
        blocked=("tensorflow",),
    ),
    "Pusher": Case(
        "import components.pusher.component, components.pusher.executor", blocked=("tensorflow", "ai_edge_litert")
    ),
    "poseline --help": Case(
        HELP,
        absent=(
            *(*TFX_PACKAGES, "keras", "ai_edge_litert", "ml_metadata", "google.protobuf"),
            *("numpy", "pandas", "pyarrow", "duckdb", "pydantic", "jinja2", "rich", "yaml"),
        ),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_nothing_heavy_is_imported(case: Case) -> None:
    check = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({case.blocked}))\n"
        f"{case.program}\n"
        "loaded = [name for name, module in sys.modules.items() if module is not None]\n"
        f"heavy = [name for name in loaded if any(f'{{name}}.'.startswith(f'{{each}}.') for each in {case.absent})]\n"
        "sys.exit(', '.join(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_heavy_import_is_noticed() -> None:
    with pytest.raises(AssertionError, match="wave"):
        test_nothing_heavy_is_imported(Case("import wave", absent=("wave",)))
    with pytest.raises(AssertionError, match="wave"):
        test_nothing_heavy_is_imported(Case("import wave", blocked=("wave",)))
