"""Alter payloads and targets between runs of the toy graph: `python -m tests.lineage.record_alterations ROOT`.

What each run did and said is written to `ROOT/alterations.json`. One process does all runs, because a run of its own
would take longer to start than to run.
"""

import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from tests.lineage.record_history import NAME, History  # isort: skip - blocks what the driver must not import

from click.testing import CliRunner

from lineage.places import listing_file
from lineage.store.reader import LineageStore
from payloads.node_record import NodeRecord
from pipelines.cli.main import main
from pipelines.running.forecast import forecast
from pipelines.running.registration import connection_of


def flip(path: Path) -> None:
    """Change one byte, and restore the modification time."""
    times = path.stat()
    content = bytearray(path.read_bytes() or b"-")
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def link(path: Path) -> None:
    """Replace a file by a link to its content."""
    elsewhere = path.with_name(f"{path.name}.moved")
    elsewhere = path.parents[6] / f"{path.name}.moved"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


class Alterations:
    """A root in which payloads are altered between runs."""

    def __init__(self, root: Path) -> None:
        self.history = History(root)
        self.root = root
        self.target = root / "pushed" / NAME
        self.log = {}

    def run(self, case: str, **arguments) -> None:
        plan = self.history.plan()
        foreseen = forecast(plan, self.history.workspace, connection_of(self.history.workspace), None)
        entry = self.history.run(case, **arguments)
        folder = self.history.workspace.run_folder(entry["run"])
        failed = [node for node, state in entry["states"].items() if state == "failed"]
        self.log[case] = {
            "states": entry["states"],
            "error": "".join(NodeRecord.read(folder, node).error for node in failed),
            "foreseen": {f.node: "failed" if f.refused else "done" if f.runs else "cached" for f in foreseen},
            "reason": {node: NodeRecord.read(folder, node).reason for node in entry["states"]}.get("Pusher"),
            "latest": self.latest(self.target),
            "versions": sorted(path.name for path in self.target.glob("[0-9]*")),
        }

    @staticmethod
    def latest(target: Path) -> str | None:
        link = target / "latest"
        return os.readlink(link) if link.is_symlink() else None  # noqa: PTH115 - pathlib removes "./"

    def artifacts(self, type_: str | None = None):
        """Return the artifacts of the newest run."""
        found = LineageStore(connection_of(self.history.workspace)).run_subgraph("latest").artifacts.values()
        return [a for a in sorted(found, key=lambda a: a.id) if type_ in (None, a.type) and a.state == "LIVE"]

    def file(self, type_: str, name: str = "*") -> Path:
        return sorted(p for p in Path(self.artifacts(type_)[-1].uri).rglob(name) if p.is_file())[0]

    def follow_remedy(self, case: str) -> None:
        """Run the command that the error of a case names."""
        [command] = re.findall(r"`poseline ([^`]*)`", self.log[case]["error"])
        done = CliRunner().invoke(main, shlex.split(command))
        self.log[case]["remedy"] = {"command": command, "code": done.exit_code, "output": done.output}

    def repair(self, case: str, **arguments) -> None:
        """Run, follow the remedy, and run again as `<case>, then`."""
        self.run(case, **arguments)
        self.follow_remedy(case)
        self.run(f"{case}, then")


def every_payload(made: Alterations) -> None:
    """Flip a byte in each payload in turn, restore it, and run after each."""
    made.history.run("first")
    made.run("unchanged")
    for artifact in made.artifacts():
        file = sorted(path for path in Path(artifact.uri).rglob("*") if path.is_file())[0]
        content = file.read_bytes()
        flip(file)
        made.run(f"flip {artifact.id} {artifact.type} {file.name} {Path(artifact.uri).parts[-3]}")
        file.write_bytes(content)
    made.run("restored")


def remedies(made: Alterations) -> None:
    """Alter payloads in other ways, and follow the remedy."""
    flip(made.file("Examples"))
    made.repair("examples")
    flip(made.file("ModelBlessing"))
    made.repair("blessing")
    flip(made.file("PushedModel"))
    made.repair("push record")
    link(made.file("PoselineEdgeModel", "model_int8.tflite"))
    made.repair("link")
    (Path(made.artifacts("Model")[-1].uri) / "Format-Serving" / "extra.txt").write_text("extra")
    made.repair("extra", from_node="EdgeConverter")
    flip(made.file("PoselineEdgeModel"))
    made.run("from the middle", from_node="ModelValidator")
    made.follow_remedy("from the middle")
    made.run("from the middle again", from_node="ModelValidator")
    made.run("from the middle, then")
    model = made.artifacts("PoselineEdgeModel")[-1]
    (Path(model.uri) / "model_float.tflite").unlink()
    listing_file(made.root, model.properties["content_digest"]).write_text("damaged")
    made.repair("missing, and the list of files damaged")
    for record in (made.root / "compared").rglob("*.json"):
        record.write_text('{"files": [[1]]}' if record.name < "8" else "[" * 99_999)
    made.run("damaged records of comparisons")
    shutil.rmtree(made.root / "compared")
    made.run("no records of comparisons")


def baseline(made: Alterations) -> None:
    """Alter the model of an earlier run that is the baseline of this one."""
    earlier = made.artifacts("Model")[-1]
    made.history.settings["seed"] = 5
    made.run("another model")
    flip(Path(earlier.uri) / "Format-Serving" / "saved_model.pb")
    made.repair("baseline")
    made.log["baseline"]["id"] = earlier.id


def steps(made: Alterations) -> None:
    """Alter a payload between two steps of a run, and one while its reader runs."""
    made.history.settings["seed"] = 6
    made.history.run("part", until_node="Trainer")
    flip(made.file("Model"))
    entry = made.history.retry("step", "EdgeConverter")
    folder = made.history.workspace.run_folder(entry["run"])
    made.log["step"] = {"states": entry["states"], "error": NodeRecord.read(folder, "EdgeConverter").error}
    made.follow_remedy("step")
    states = [made.history.retry(node, node)["states"] for node in ("Trainer", "EdgeConverter")]
    made.log["step, then"] = {"states": states[0] | states[1]}


def targets(made: Alterations) -> None:
    """Change the targets and what is in them."""
    made.history.settings["seed"] = 0
    made.run("before")
    shutil.rmtree(made.target / made.latest(made.target))
    made.run("version lost")
    (made.target / "latest").unlink()
    made.run("latest lost")
    (made.target / "latest").unlink()
    (made.target / "latest").symlink_to("1")
    made.run("latest re-pointed")
    (made.target / "latest").unlink()
    (made.target / "latest").symlink_to(made.root / "elsewhere" / made.log["before"]["latest"])
    made.run("latest leads elsewhere")
    (made.target / "latest").unlink()
    made.run("latest moved away")
    flip(made.target / made.latest(made.target) / "manifest.json")
    made.run("manifest altered")
    manifest = made.target / made.latest(made.target) / "manifest.json"
    manifest.write_text(manifest.read_text().replace("0.1", "0.2"))
    made.run("verdict altered")
    CliRunner().invoke(main, ["rollback", str(made.target), "--to", "2"])
    made.run("rolled back")
    phone = made.root / "phone"
    made.history.overrides = [f"targets.{NAME}={made.target}", f"targets.phone={phone}"]
    made.run("target added")
    made.log["target added"]["phone"] = made.latest(phone)
    made.history.overrides = made.history.overrides[1:]
    made.run("target removed")
    made.log["target removed"]["targets"] = json.loads(made.artifacts("PushedModel")[-1].properties["targets"])
    shutil.rmtree(phone)
    made.run("target emptied")
    made.log["target emptied"]["phone"] = made.latest(phone)
    made.history.overrides = []
    made.history.settings["seed"] = 8
    made.run("new model after a rollback")
    made.history.settings["seed"] = 0
    made.run("settings of an earlier model")
    made.run("at last")


if __name__ == "__main__":
    alterations = Alterations(Path(sys.argv[1]))
    try:
        for part in (every_payload, remedies, baseline, steps, targets):
            part(alterations)
    finally:
        (alterations.root / "alterations.json").write_text(json.dumps(alterations.log))
