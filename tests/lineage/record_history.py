"""Record a history of real runs of the toy graph into a root: `python -m tests.lineage.record_history ROOT MODE`.

MODE is `long`, `short` or `again`. The history of runs is written to `ROOT/history.json`.

The program is a process of its own, because the driver must not load TensorFlow. Executors run in this process instead
of in children, except when one is to be killed.
"""

import io
import json
import logging
import os
import sys
from pathlib import Path

from pipelines.driver import prepare_driver

prepare_driver()

from tfx.dsl.compiler.compiler import Compiler  # noqa: E402
from tfx.orchestration.pipeline import Pipeline  # noqa: E402

from data.output.terminal import Terminal  # noqa: E402
from pipelines.cli.run_display.progress import LineProgress  # noqa: E402
from pipelines.compilation.plan import Plan  # noqa: E402
from pipelines.config import load_config  # noqa: E402
from pipelines.processes.child_failure import describe, restore  # noqa: E402
from pipelines.running.local_runner import run_plan  # noqa: E402
from pipelines.running.node_launch import launch_node  # noqa: E402
from pipelines.running.registration import connection_of, register, run_facts  # noqa: E402
from pipelines.running.run_context import RunContext  # noqa: E402
from pipelines.workspace import Workspace  # noqa: E402
from tests.lineage import toy_graph  # noqa: E402

NAME = "tiny"


class InProcess:
    """Runs executors in this process: they import nothing that a driver must not load."""

    def run(self, target, args, log, *, heavy):
        del log, heavy
        try:
            target(*args)
        except Exception as error:
            raise restore(describe(error)) from error
        finally:
            logging.getLogger("absl").setLevel(logging.CRITICAL)  # an executor turns its messages on

    def terminate(self):
        pass


def people(count, first=0):
    """Return the sequences of some people, two each, over the three splits."""
    return [
        (f"s{person}-{clip}", f"person {person}", ("train", "eval", "test")[person % 3])
        for person in range(first, first + count)
        for clip in range(2)
    ]


class History:
    """A root in which variants of the graph run, one after the other."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.workspace.prepare()
        self.failure_file = root / "failure"
        os.environ[toy_graph.FAILURE_FILE] = str(self.failure_file)
        self.settings = {"span": 1, "rows": people(6), "seed": 0, "quality": 0.6}
        self.overrides = []
        self.log = []

    def plan(self) -> Plan:
        nodes = toy_graph.graph(**self.settings)
        pipeline = Pipeline(NAME, str(self.workspace.artifacts(NAME)), components=nodes, enable_cache=True)
        config = load_config("baduanjin", [f"name={NAME}", *self.overrides])
        return Plan(config, Compiler().compile(pipeline))

    def run(self, what, *, failure=None, killed=False, **arguments):
        """Run the graph with the current settings; `failure` is `NODE fail|reject|kill`."""
        if failure:
            self.failure_file.write_text(failure)
        if killed:
            return self._killed(what, arguments)
        progress = LineProgress(Terminal(file=io.StringIO()))
        result = run_plan(self.plan(), self.workspace, InProcess(), progress, **arguments)
        return self._log_run(what, result.run_id, {name: entry.state for name, entry in result.nodes.items()})

    def _killed(self, what, arguments):
        child = os.fork()
        if not child:
            run_plan(self.plan(), self.workspace, InProcess(), LineProgress(Terminal(file=io.StringIO())), **arguments)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the run was to be killed"
        self._log_run(what, None, {})

    def retry(self, what, node):
        """Launch a failed node again in the same run, as an orchestrator does."""
        run_id = self.log[-1]["run"]
        run = RunContext(
            self.plan(), self.workspace, run_id, InProcess(), connection_of(self.workspace), facts=run_facts()
        )
        register(run)
        return self._log_run(what, run_id, {node: launch_node(run, node).state})

    def _log_run(self, what, run_id, states):
        self.log.append({"what": what, "run": run_id, "states": states, "settings": dict(self.settings)})
        return self.log[-1]


def short(history: History) -> None:
    """Record ten runs: cached, failed, retried, killed, partial, rejected, with other data and parameters."""
    history.run("first")
    history.run("unchanged")
    history.settings["seed"] = 1
    history.run("another seed", failure="Trainer fail")
    history.retry("the same run again", "Trainer")
    history.run("from the Trainer", from_node="Trainer")
    history.settings |= {"span": 2, "rows": people(5, first=2)}
    history.run("killed while it read", failure="Reader kill", killed=True)
    history.run("new data", failure="DataGate reject")
    history.run("new data again")
    history.settings["quality"] = 0.2
    history.run("not blessed")
    history.settings["seed"] = 7
    history.run("another model, not blessed")
    history.settings |= {"seed": 1, "quality": 0.6}
    history.run("back to what was blessed")


def again(history: History) -> None:
    """Record the last run of the short history once more."""
    history.settings = json.loads((history.workspace.root / "history.json").read_text())[-1]["settings"]
    history.run("again")


def long(history: History) -> None:
    """Record fifty runs."""
    short(history)
    history.settings["quality"] = 0.6
    for number in range(10, 18):
        history.settings["seed"] = number
        history.run("another seed")
        history.run("unchanged")
        history.run("a part", until_node="Transform")
        if number % 3 == 0:
            history.settings |= {"span": number, "rows": people(4 + number % 4, first=number % 5)}
            history.run("new data, rejected", failure="DataGate reject")
            history.run("new data")
        elif number % 3 == 1:
            history.run("no cache", use_cache=False, until_node="Trainer")
            history.settings["quality"] = round(0.5 + number / 50, 3)
            history.run("another quality", failure="Evaluator fail")
            history.run("from there", from_node="Evaluator")
        else:
            history.run("killed", failure="Trainer kill", killed=True, use_cache=False)
            history.run("after that")
            history.run("from the start", from_node="Trainer")
    while len({entry["run"] for entry in history.log}) < 51:
        history.run("unchanged")


if __name__ == "__main__":
    made = History(Path(sys.argv[1]))
    {"short": short, "long": long, "again": again}[sys.argv[2]](made)
    (made.workspace.root / "history.json").write_text(json.dumps(made.log))
