"""Checks the machine and the installed packages, and says how to fix each fault."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.system.child_environment import child_environment

_PACKAGES = (
    "tfx",
    "tensorflow",
    "keras",
    "apache-beam",
    "tensorflow-data-validation",
    "tensorflow-transform",
    "tensorflow-model-analysis",
    "ml-metadata",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "numpy",
    "pyarrow",
    "protobuf",
    "pydantic",
)
_MODULES = (
    "ml_metadata",
    "ai_edge_litert.interpreter",
    "tensorflow",
    "apache_beam",
    "tfx.components.statistics_gen.executor",
    "tfx.components.schema_gen.import_schema_gen.executor",
    "tfx.components.example_validator.executor",
    "tfx.components.transform.executor",
    "tfx.components.trainer.executor",
    "tfx.components.evaluator.executor",
    "pipelines.graph",
)
_GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        what: name of what was checked.
        found: version, size or state that was found.
        fault: what is wrong and how to fix it; empty if nothing is wrong.
    """

    what: str
    found: str
    fault: str = ""


def examine(root: Path, imports: bool = True) -> Iterator[Finding]:
    """Check interpreter, C library, versions, disk, memory and imports, and yield each result as soon as it is known.

    Args:
        root: root folder that runs would use.
        imports: whether to check the imports, which takes a minute.
    """
    version = platform.python_version()
    yield Finding("python", f"{version} ({sys.executable})", "" if version.startswith("3.12.") else "run `make setup`")
    yield _glibc()
    yield from _versions()
    yield _disk(root)
    yield _memory()
    if imports:
        yield from _imports()


def _glibc() -> Finding:
    library, version = platform.libc_ver()
    with_confstr = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
    version = (with_confstr or f"{library} {version}").rpartition(" ")[2]
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    fault = "" if numbers >= (2, 39) else "TFDV and ml-metadata need 2.39: run `make setup`, which installs a newer one"
    return Finding("glibc", version, fault)


def _versions() -> Iterator[Finding]:
    for name in _PACKAGES:
        try:
            yield Finding(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "not installed", "run `make setup`")


def _disk(root: Path) -> Finding:
    place = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    fault = (
        "" if free > 2 * _GIB else "a run needs up to 2 GB: free some space, or name a root on another disk with --root"
    )
    return Finding("free disk", f"{free / _GIB:.1f} GB at {place}", fault)


def _memory() -> Finding:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    fault = (
        "" if free > 3 * _GIB else "two executors need about 3 GB: end other programs, or set runner.parallel_nodes=1"
    )
    return Finding("free memory", f"{free / _GIB:.1f} GB", fault)


def _imports() -> Iterator[Finding]:
    environment = child_environment() | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    for module in _MODULES:
        done = subprocess.run(
            [sys.executable, "-c", f"import {module}"], capture_output=True, text=True, env=environment, check=False
        )
        reason = done.stderr.strip().splitlines()[-1] if done.returncode and done.stderr.strip() else ""
        fault = f"{reason or f'exit code {done.returncode}'}; run `make setup`" if done.returncode else ""
        yield Finding(f"import {module}", "failed" if done.returncode else "ok", fault)
