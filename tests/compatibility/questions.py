"""Questions about an older root, and the commands that answer them.

Run as a script with a new folder it restores the older root there and prints the answers of the code that is first on
the path as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

    from tests.compatibility.older_root import Place

# What depends on the machine and the moment, not on the code.
VOLATILE = ("latency_ms",)
_QUERIES = {
    "runs": "SELECT * FROM runs ORDER BY ALL",
    "nodes": "SELECT * EXCLUDE (parameters) FROM nodes ORDER BY ALL",
    "artifacts": "SELECT * FROM artifacts ORDER BY ALL",
    "edges": "SELECT * FROM edges ORDER BY ALL",
    "metrics": "SELECT * FROM metrics WHERE slice = 'all' ORDER BY ALL",
    "subjects": "SELECT * FROM subjects ORDER BY ALL",
}


def questions(place: Place, runs: list[str]) -> dict[str, list[str]]:
    """Return the questions that change nothing: name to arguments of `poseline`.

    Args:
        place: restored copy.
        runs: names of its runs, oldest first.
    """
    first, second, third = runs
    pushed = place.root / "pushed/baduanjin"
    evaluate = ["evaluate", "--data", str(place.data), "--json"]
    asked = {
        **{f"run {number}": ["run", run] for number, run in enumerate(runs, 1)},
        "runs": ["runs"],
        **{f"trace version {version}": ["trace", str(pushed / version)] for version in ("1", "2", "latest")},
        "trace one file": ["trace", str(pushed / "1/model_int8.tflite")],
        "trace a SavedModel": ["trace", str(pushed / "2/saved_model")],
        **{f"trace artifact {number}": ["trace", str(number)] for number in (2, 9, 13, 16, 22, 26)},
        "impact of a person": ["impact", "--subject", "s3p01"],
        "impact of nobody": ["impact", "--subject", "nobody"],
        "impact of a span": ["impact", "--span", "1"],
        "impact of an artifact": ["impact", "9"],
        "diff of two models": ["diff", first, second],
        "diff of a gate": ["diff", second, third],
        "why the trainer ran": ["why-ran", "Trainer", second],
        "why the trainer ran first": ["why-ran", "Trainer", first],
        "why the gate ran": ["why-ran", "ModelValidator", third],
        "why the trainer was cached": ["why-cached", "Trainer", third],
        "why the cached trainer ran": ["why-ran", "Trainer", third],
        **{f"blame {name}": ["blame", name] for name in ("accuracy", "int8_sequence", "max_bytes")},
        "verify a run": ["verify", second],
        "verify all": ["verify", "--all"],
        "prune": ["prune", "--keep", "0"],
        "forget": ["forget", "--subject", "s3p03"],
        **{f"sql {table}": ["sql", query] for table, query in _QUERIES.items()},
    }
    return {
        **{name: ["lineage", *words, "--root", str(place.root), "--json"] for name, words in asked.items()},
        "evaluate version 1": [*evaluate, "--bundle", str(pushed / "1")],
        "evaluate version 2": [*evaluate, "--bundle", str(pushed / "2"), "--split", "test"],
        "evaluate the target": [*evaluate, "--bundle", str(pushed), "--robustness"],
    }


def changes(place: Place) -> dict[str, list[str]]:
    """Return the commands that change the root, in the order to run them."""
    root = ["--root", str(place.root), "--json"]
    return {
        "rollback": ["rollback", "baduanjin", *root],
        "rollback too far": ["rollback", "baduanjin", *root],
        "rollback to a version": ["rollback", "baduanjin", "--to", "2", *root],
        "verify all after the rollback": ["lineage", "verify", "--all", *root],
        "forget a person": ["lineage", "forget", "--subject", "s3p01", "--yes", *root],
        "verify all after a person was forgotten": ["lineage", "verify", "--all", *root],
        "trace a model to retrain": ["lineage", "trace", str(place.root / "pushed/baduanjin/1"), *root],
    }


def exports(place: Place, folder: Path) -> dict[str, tuple[list[str], Path]]:
    """Return the commands that write files, each with the file that it writes."""
    root = ["--root", str(place.root)]
    found = {}
    for form, name in (("openlineage", "events.jsonl"), ("prov", "prov.json")):
        command = ["lineage", "export", "--run", "latest", "--format", form, "--to", str(folder / name), *root]
        found[f"export {form}"] = command, folder / name
    for target in ("latest", "9"):
        file = folder / f"{target}.dot"
        found[f"graph {target}"] = ["lineage", "graph", target, "--to", str(file), *root], file
    return found


def altered(place: Place, folder: Path) -> dict[str, list[str]]:
    """Alter a published file, and return the questions that notice."""
    shutil.copytree(place.root / "pushed/baduanjin/1", folder / "copy")
    for bundle in (folder / "copy", place.root / "pushed/baduanjin/2"):
        file = bundle / "model_int8.tflite"
        file.chmod(0o644)
        file.write_bytes(file.read_bytes()[:-1] + b"!")
    root = ["--root", str(place.root), "--json"]
    return {
        "trace an altered file": ["lineage", "trace", str(folder / "copy/model_int8.tflite"), *root],
        "verify all after an alteration": ["lineage", "verify", "--all", *root],
    }


def answer(main: click.Command, place: Place, folder: Path) -> dict[str, Any]:
    """Ask everything.

    Args:
        main: the `poseline` command.
        place: restored copy, which is changed.
        folder: existing folder for exports.

    Returns:
        Exit code and output by question; paths are as in `/poseline-before`.
    """
    asker = _Asker(main, place)
    listed = asker.ask(["lineage", "runs", "--root", str(place.root), "--json"])["output"]
    runs = [run["run_id"] for run in reversed(listed)]
    answers = {name: asker.ask(words) for name, words in questions(place, runs).items()}
    for name, (words, written) in exports(place, folder).items():
        answers[name] = {"exit": asker.ask(words)["exit"], "output": asker.written(written)}
    answers |= {name: asker.ask(words) for name, words in changes(place).items()}
    answers |= {name: asker.ask(words) for name, words in altered(place, folder).items()}
    return answers


class _Asker:
    def __init__(self, main: click.Command, place: Place) -> None:
        self._main, self._place = main, place

    def ask(self, words: list[str]) -> dict[str, Any]:
        from click.testing import CliRunner

        result = CliRunner().invoke(self._main, words, catch_exceptions=False)
        text = self._place.neutral(result.stdout)
        output = json.loads(text) if "--json" in words and text else text
        if isinstance(output, dict):
            for name in VOLATILE:
                output.pop(name, None)
            if "without_digest" in output:
                output["bytes"] -= self._place.added_bytes * output["versions"]
        return {"exit": result.exit_code, "output": output}

    def written(self, file: Path) -> Any:
        text = self._place.neutral(file.read_text(encoding="utf-8"))
        if file.suffix == ".json":
            return _parsed(json.loads(text))
        if file.suffix == ".jsonl":  # events of one moment have no fixed order
            events = [_parsed(json.loads(line)) for line in text.splitlines()]
            return sorted(events, key=lambda event: json.dumps(event, sort_keys=True))
        return text


def _parsed(tree: Any) -> Any:
    """Parse texts that are JSON objects: the order of their keys is not fixed."""
    if isinstance(tree, dict):
        return {key: _parsed(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_parsed(value) for value in tree]
    return json.loads(tree) if isinstance(tree, str) and tree.startswith("{") else tree


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    sys.path.append(str(Path(__file__).parents[2]))
    from pipelines.cli import main as poseline  # the older code's
    from tests.compatibility.older_root import restore

    here = Path(sys.argv[1])
    (here / "written").mkdir(parents=True)
    print(json.dumps(answer(poseline, restore(here / "place"), here / "written")))
