"""Every place that makes, replaces or removes a file: in `data/files.py`, or in a short list with the reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.architecture import FOLDERS

PROJECT = Path(__file__).parents[1]
CODE = (*(folder.split("/")[0] for folder in FOLDERS.values()), "dags", "tools")

METHODS = re.compile(
    "write_text|write_bytes|mkdir|makedirs|touch|renames?|unlink|rmdir|rmtree|symlink_to|hardlink_to|chmod|utime|setxattr"
    "|copyfile|copyfileobj|copytree|copy2|extractall|f?truncate|savez|savez_compressed|to_csv|to_parquet|write_table"
    "|create_file_writer|ParquetWriter|CSVWriter|TFRecordWriter|GzipFile|FileHandler"
)
"""Methods, functions and classes, of any owner, that change what is on the disk."""

OWNED = re.compile(
    r"os\.(remove|replace|link|symlink|mkfifo|mknod|chown)|shutil\.(copy|move|chown|make_archive)|np\.save"
    r"|tempfile\.\w+File|tempfile\.TemporaryDirectory|tempfile\.mk\w+|.*saved_model\.save"
    r"|sqlite3\.connect|tarfile\.open|gzip\.open"
)
"""Functions whose last name has other meanings too."""

MECHANISM = "data/files.py"

ALLOWED = {
    "writes to a path that `data.files` staged": (
        "components/keypoint_example_gen/sorted_runs.py:write_run",
        "components/keypoint_example_gen/tfrecord.py",
        "components/pusher/publish.py:_stage",
        "data/importers/formats",
        "data/importers/span_import.py",
        "data/quarantine.py:QuarantineWriter.finish",
        "data/report/page.py:write_report",
        "data/store.py:new_writer",
        "lineage/cli/commands.py:blame",
        "lineage/cli/view_commands.py",
        "lineage/exchange/export.py",
        "lineage/store/upgrading.py",
        "pipelines/cli/data.py:data_propose_schema",
        "pipelines/cli/failure_report.py:_write_log",
        "pipelines/workspace.py:Workspace.prepare",
        "serving_targets/coaching/page.py:write_page",
        "serving_targets/releases.py:move_latest",
        "serving_targets/signature.py",
        "trainer_module/callbacks.py:Checkpoint.on_epoch_end",
        "trainer_module/distillation.py:_save_weights",
    ),
    "makes a folder, and leaves one that exists as it is": (
        "components/pusher/publish.py:publish",
        "data/quarantine.py:QuarantineWriter.add",
        "data/store.py:SpanReservation.__init__",
        "pipelines/processes/children.py:ChildProcesses.run",
        "pipelines/running/plan_cache.py:_obtain",
        "pipelines/running/process_operator.py:ProcessOperator.run_executor",
        "pipelines/running/recovery.py:journal",
    ),
    "writes in the new folder of its own execution, which no other process uses": (
        "components/edge_converter",
        "components/serving_smoke/executor.py",
        "payloads/recordings.py",
        "payloads/sequences.py",
        "payloads/window_table.py",
        "trainer_module/callbacks.py:TensorBoardScalars",
    ),
    "writes in a temporary folder or file that it has just made, or to the null device": (
        "data/importers/bounded_reading.py",
        "serving_targets/sandbox",
        "serving_targets/coaching/recordings.py:open_recordings",
        "components/serving_smoke/judge.py",
        "lineage/exchange/prov.py",
        "lineage/store/backend.py:_native_messages",
        "pipelines/cli/main.py:_open_closed_streams",
    ),
    "renames what it staged to a version that does not exist, and removes that again if the push fails": (
        "components/pusher/publish.py:_publish",
    ),
    "removes files by the names that Poseline gave them, in a folder of the root that only Poseline writes": (
        "components/keypoint_example_gen/sorted_runs.py:remove_runs",
        "pipelines/running/recovery.py",
        "trainer_module/callbacks.py:Checkpoint.on_train_end",
    ),
    "removes the lock that it holds itself": ("data/store.py:SpanReservation.release",),
    "removes payloads that the store has recorded, and nothing behind a link": ("lineage/questions/removal.py:remove",),
    "changes no file: the null device, a lock that SQLite takes, bytes in memory": (
        "pipelines/cli/failure_report.py:_discard",
        "pipelines/processes/preload.py",
        "lineage/store/locking.py:is_locked_sqlite",
        "pipelines/workspace.py:Workspace._begin",
        "serving_targets/contract.py",
    ),
    "appends to Airflow's own file of events, without the project's packages": ("dags/poseline_dags/callbacks.py",),
    "is a command for developers, in folders that it makes or that they name": (
        "benchmarks",
        "data/synthetic/picture.py",
    ),
}


def _calls(folder: str) -> Iterator[tuple[str, str]]:
    """Yield (place, call) of every call that can change what is on the disk."""
    for file in sorted((PROJECT / folder).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        path = file.relative_to(PROJECT).as_posix()
        for function, call in _with_function(tree, ""):
            if _changes_the_disk(call):
                yield f"{path}:{function}", ast.unparse(call)


def _with_function(node: ast.AST, name: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the name of the function or method that it is in."""
    for child in ast.iter_child_nodes(node):
        inside = name
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inside = f"{name}.{child.name}".lstrip(".")
        if isinstance(child, ast.Call):
            yield inside, child
        yield from _with_function(child, inside)


def _changes_the_disk(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    last = name.rpartition(".")[2]
    if last == "open":
        return _opens_for_writing(name, call)
    if last == "replace":  # strings, dates and data classes have it too, with other arguments
        return isinstance(call.func, ast.Attribute) and len(call.args) == 1 and not call.keywords
    if last == "ZipFile":
        return len(call.args) > 1
    return bool(METHODS.fullmatch(last) or OWNED.fullmatch(name))


def _opens_for_writing(name: str, call: ast.Call) -> bool:
    texts = [ast.unparse(argument) for argument in (*call.args, *(keyword.value for keyword in call.keywords))]
    if name == "os.open":
        return any(flag in text for text in texts for flag in ("O_CREAT", "O_WRONLY", "O_RDWR", "flags"))
    modes = [text.strip("'") for text in texts if text.startswith("'") and len(text) <= 5]
    return any(set(mode) <= set("rwxabt+") and set(mode) & set("wxa+") for mode in modes)


def test_every_writer_uses_the_one_mechanism_or_has_a_reason() -> None:
    found = [(place, call) for folder in CODE for place, call in _calls(folder) if not place.startswith(MECHANISM)]
    allowed = [entry for places in ALLOWED.values() for entry in places]
    unexplained = [f"{place}  {call}" for place, call in found if not any(_covers(entry, place) for entry in allowed)]
    assert unexplained == []
    assert [entry for entry in allowed if not any(_covers(entry, place) for place, _ in found)] == []


def _covers(entry: str, place: str) -> bool:
    return place == entry or place.startswith((f"{entry}:", f"{entry}/", f"{entry}."))
