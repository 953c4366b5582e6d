"""Changed configurations, gates and schemas, fed to the commands that read them; a table counts what happens.

    python -m benchmarks.fuzz_configuration --mutations 1000 --seed 0

A mutation changes the key or the value of one to three `--set` options, or the text or the tree of a configuration, a
gates file or a schema file. Each goes through `poseline config` in this process, some also as a process of their own.
Some that `config` accepts also go through `poseline compile` or `poseline run --dry-run`.

A mutation is a fault of the project if its command

- ends with an exit code other than 0 (accepted) and 2 (wrong input),
- prints a traceback, a terminal escape or over 10,000 characters of error text,
- rejects the input without saying what is wrong, where, and what to do,
- takes longer than `--seconds`,
- accepts a number that is not finite, or prints a configuration that it does not read back as the same.

Faults are printed with the mutation; the exit code is 1 if there are any. The same seed makes the same mutations.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from data.project import PROJECT_ROOT
from pipelines.config import CONFIG_FOLDER, load_config

_CONFIGURATION = CONFIG_FOLDER / "baduanjin.yaml"
_GATES = PROJECT_ROOT / "schema" / "gates.yaml"
_SCHEMA = PROJECT_ROOT / "schema" / "baduanjin.pbtxt"
_ERROR_LIMIT = 10_000

_BOMB = "{a: &a [x,x,x,x,x,x,x,x,x], " + ", ".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]" for before, name in zip("abcdef", "bcdefg", strict=True)
)
# YAML texts: other types, borders of types, and what YAML makes of a text that looks harmless.
VALUES = (
    *("", " ", "null", "~", "true", "no", "0", "-1", "1", "0.5", "1e999", "-1e999", ".nan", ".inf", "-.inf", "1e-400"),
    *(
        "9" * 400,
        "0x" + "f" * 9000,
        "0x10",
        "0o7",
        "0b1",
        "1_000",
        "2026-11-27",
        "2026-11-27 10:00:00",
        "12:30:45",
        "'1'",
        '"x"',
    ),
    *("[]", "{}", "[[]]", "[1, 2, 3]", "{a: 1}", "{1: 2}", "{null: 1}", "{? [a, b] : c}", "[.nan]", "{min: .nan}"),
    *("'", '"', "|", ">", "- a", "a: b: c", "%YAML 9", "---\n---", "--- a\n--- b", "@x", "`x`", "#", "\t", "?", ":"),
    *("&a [*a]", "&a {x: *a}", "*a", "&a 1", "{<<: {a: 1}}", "{<<: 1}", "{a: 1, a: 2}", _BOMB + "}"),
    *("!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!!binary aGVsbG8=", "!!binary x"),
    *("!!set {a, b}", "!!omap [a: 1]", "!!float nan", "!!int x", "!!timestamp x", "!!bool x", "!!null x", "!x y"),
    *("\u202e", "\u00e9" * 1000, "\U0001f9d8", "\x85", "\u2028", "\ufeff", "\x7f", "\x1b[31m", '"\\e[31m"', '"\\0"'),
    *("[" * 5000, "[" * 90 + "]" * 90, "{a: " * 2000, "- " * 3000, "x" * 50_000, "[" + "1," * 5000 + "1]"),
    *("../../etc/passwd", "/dev/null", "/", ".", "~", "${HOME}", "{{ x }}", "%s", "%n", "$(id)", "[red]x"),
    *("label", "coco17", "tcn", "slide", "stop", "pass", "--runner=DirectRunner", "1.0", "3", "16", "1000000"),
)
KEYS = (
    *("", ".", "..", "=", " ", "a", "training.", ".training", "training..epochs", "training.epochs.x", "training"),
    *("name.x", "gates.x", "gates.evaluator", "gates.evaluator.x", "gates.data_gate.means.x", "targets.x", "targets"),
    *("split.subjects.x", "split.subjects", "model.members.0", "model.x", "Training.Epochs", "training/epochs"),
    *("0", "1", "true", "null", "[a]", "{a}", "__class__", "model_config", "training.__init__", "<<", "*", "&a"),
    *("\u202e", "\u00e9", "\U0001f9d8", "x" * 5000, ".".join(["a"] * 2000), "\x1b[31m", "\n", "a b", "data", "layout"),
)
_PIECES = (
    *("null", ".nan", "-1", "1e999", "[]", "{}", "[", "{", "'", '"', ": ", "- ", "\n", "\t", "&a ", "*a", "!!x ", "#"),
    *("<<: ", "---\n", "\x00", "\ufeff", "\u2028", "\udcff", "\x1b", "9" * 400, "x" * 10_000, "size: -1", "dim {", "}"),
)


@dataclass
class Mutation:
    """A changed input.

    Attributes:
        kind: what is changed; a row of the table.
        options: arguments that every command gets.
        changed: the option or the text of the file that is changed, for a report.
    """

    kind: str
    options: list[str]
    changed: str


@dataclass
class Outcome:
    """What a command did.

    Attributes:
        code: exit code.
        output: standard output.
        error: standard error.
        seconds: wall time.
    """

    code: int
    output: str
    error: str
    seconds: float

    @property
    def verdict(self) -> str:
        """Column of the table."""
        return {0: "accepted", 2: "rejected"}.get(self.code, f"exit code {self.code}")


@dataclass
class Mutator:
    """Source of mutations.

    Attributes:
        draw: source of randomness.
        folder: existing folder for changed files.
    """

    draw: random.Random
    folder: Path
    keys: list[str] = field(init=False)

    def __post_init__(self) -> None:
        config = load_config("baduanjin")
        tree = config.model_dump(mode="json") | {"gates": config.read_gates().model_dump(mode="json")}
        self.keys = [".".join(path) for path in _paths(tree)]

    def mutation(self) -> Mutation:
        """Return the next mutation."""
        make: Callable[[], Mutation] = self.draw.choices(
            (self._values, self._keys, self._configuration, self._gates, self._schema), (40, 15, 20, 15, 10)
        )[0]
        return make()

    def _values(self) -> Mutation:
        pairs = [
            f"{self.draw.choice(self.keys)}={self.draw.choice(VALUES)}" for _ in range(self.draw.choice((1, 1, 3)))
        ]
        return self._settings("--set value", pairs)

    def _keys(self) -> Mutation:
        key = self.draw.choice(KEYS)
        if self.draw.random() < 0.5:
            key = _change_text(self.draw.choice(self.keys), self.draw, 1)
        separator = self.draw.choice(("=", "=", "=", "=", "", "==", ": "))
        return self._settings("--set key", [key + separator + self.draw.choice(("1", *VALUES))])

    def _settings(self, kind: str, pairs: list[str]) -> Mutation:
        pairs = [pair.replace("\x00", "") for pair in pairs]  # no argument of a process can hold it
        return Mutation(kind, [part for pair in pairs for part in ("--set", pair)], "\n".join(pairs))

    def _configuration(self) -> Mutation:
        file = self._file("configuration.yaml", _CONFIGURATION, tree=self.draw.random() < 0.6)
        return Mutation("configuration file", ["--config", str(file)], _text_of(file))

    def _gates(self) -> Mutation:
        file = self._file("gates.yaml", _GATES, tree=self.draw.random() < 0.6)
        return Mutation("gates file", ["--set", f"gates_file={file}"], _text_of(file))

    def _schema(self) -> Mutation:
        file = self._file("schema.pbtxt", _SCHEMA, tree=False)
        return Mutation("schema file", ["--set", f"schema_file={file}"], _text_of(file))

    def _file(self, name: str, sound: Path, *, tree: bool) -> Path:
        text = sound.read_text(encoding="utf-8")
        if tree:
            content = yaml.safe_load(text)
            for _ in range(self.draw.choice((1, 1, 2, 4))):
                _change_tree(content, self.draw)
            text = yaml.dump(content, sort_keys=False, allow_unicode=True)
        else:
            text = _change_text(text, self.draw, self.draw.choice((1, 1, 2, 4, 16)))
        file = self.folder / name
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        return file


def _paths(tree: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        yield (str(key),)
        if isinstance(value, dict):
            yield from ((str(key), *path) for path in _paths(value))


def _change_tree(tree: Any, draw: random.Random) -> None:
    """Replace, remove, rename or repeat one node of a tree of dicts and lists."""
    while True:
        places = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not places:
            return
        place = draw.choice(places)
        below = tree[place]
        if not isinstance(below, dict | list) or not below or draw.random() < 0.4:
            break
        tree = below
    match draw.randrange(4):
        case 0:
            del tree[place]
        case 1 if isinstance(tree, dict):
            tree[_change_text(str(place), draw, 1)] = tree.pop(place)
        case 2:
            tree[place] = {"x": copy.deepcopy(below)}
        case _:
            tree[place] = draw.choice(_PLAIN_VALUES)


_PLAIN_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1,
        0.5,
        10**400,
        float("nan"),
        float("inf"),
        -float("inf"),
        "",
        "x",
        "1",
        "\u202e",
        "x" * 50_000,
    ),
    *([], {}, [[]], {"x": 1}, {1: 2}, {None: 1}, [1, 2], [None], b"x", "\x1b[31m", "../x", "/dev/null"),
)


def _change_text(text: str, draw: random.Random, times: int) -> str:
    """Insert, remove, repeat or exchange a piece of a text, several times."""
    for _ in range(times):
        at = draw.randrange(len(text) + 1)
        end = min(at + draw.choice((1, 1, 2, 8, 80)), len(text))
        match draw.randrange(6):
            case 0:
                text = text[:at] + text[end:]
            case 1:
                text = text[:at] + draw.choice(_PIECES) + text[at:]
            case 2:
                text = text[:at] + draw.choice(_PIECES) + text[end:]
            case 3:
                text = text[:end] + text[at:end] * draw.choice((1, 2, 20)) + text[end:]
            case 4:
                text = text[:at] + chr(draw.choice((9, 10, 32, 58, 91, 123, 233, 0x1F9D8, 0x202E))) + text[end:]
            case 5 if draw.random() < 0.3:
                text = text[:at]
    return text


def _text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="surrogateescape")


def in_process(arguments: list[str]) -> Outcome:
    """Run a `poseline` command in this process."""
    from pipelines.cli.main import main as poseline

    begin = time.perf_counter()
    done = CliRunner().invoke(poseline, arguments)
    unforeseen = (
        "" if done.exception is None or isinstance(done.exception, SystemExit) else f"Traceback: {done.exception!r}"
    )
    return Outcome(done.exit_code, done.stdout, done.stderr + unforeseen, time.perf_counter() - begin)


def as_process(arguments: list[str]) -> Outcome:
    """Run a `poseline` command as a process of its own."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *(os.fsencode(part) for part in arguments)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        check=False,
    )
    output, error = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    return Outcome(done.returncode, output, error, time.perf_counter() - begin)


def faults_of(outcome: Outcome, seconds: float) -> list[str]:
    """Return what is wrong with how a command treated an input.

    Args:
        outcome: what the command did.
        seconds: longest time allowed.
    """
    text = outcome.output + outcome.error
    found = []
    if outcome.code not in (0, 2):
        found.append(f"exit code {outcome.code}")
    if "Traceback" in text:
        found.append("a traceback")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text):
        found.append("a control character in the output")
    if outcome.code == 2:
        found += _faults_of_message(outcome.error)
    if outcome.seconds > seconds:
        found.append(f"{outcome.seconds:.1f} s")
    return found


def _faults_of_message(error: str) -> list[str]:
    if error.startswith("Usage:"):
        return []
    parts = {"what": r"\Aerror: \S", "where": r"^  where:  \S", "remedy": r"^  remedy: \S"}
    found = [f"an error without {part}" for part, form in parts.items() if not re.search(form, error, re.MULTILINE)]
    return found + ([f"{len(error):,} characters of error text"] if len(error) > _ERROR_LIMIT else [])


def faults_of_configuration(mutation: Mutation, printed: str, folder: Path) -> list[str]:
    """Return what is wrong with a configuration that `poseline config` accepted.

    Args:
        mutation: change that was accepted.
        printed: output of the command.
        folder: existing folder for a copy of the output.
    """
    options = list(itertools.batched(mutation.options, 2))
    name = next((value for option, value in options if option == "--config"), "baduanjin")
    config = load_config(name, [value for option, value in options if option == "--set"])
    values = [*_leaves(config.model_dump()), *_leaves(config.read_gates().model_dump())]
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        return ["a number that is not finite is accepted"]
    file = folder / "printed.yaml"
    file.write_text(printed, encoding="utf-8")
    again = in_process(["config", "--config", str(file)])
    return [] if again.output == printed else [f"the printed configuration is not read back: {again.error[:500]}"]


def _leaves(tree: Any) -> Iterator[Any]:
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list | tuple) else None
    if parts is None:
        yield tree
    else:
        for part in parts:
            yield from _leaves(part)


@dataclass
class Fuzzer:
    """Counts of what happened to the mutations.

    Attributes:
        folder: existing folder for everything that is written.
        seconds: longest time allowed for `config`.
        compile_seconds: longest time allowed for a command that compiles the graph.
        counts: number of outcomes, by kind of mutation and command.
        faults: number of faults.
    """

    folder: Path
    seconds: float = 5.0
    compile_seconds: float = 120.0
    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    faults: int = 0

    def feed(self, mutation: Mutation, command: str, run: Callable[[list[str]], Outcome] = in_process) -> Outcome:
        """Run one command with a mutation; count the outcome and print its faults."""
        place = [] if command == "config" else ["--root", str(self.folder / "root")]
        outcome = run([*command.split(), *mutation.options, *place])
        allowed = self.seconds if command == "config" and run is in_process else self.compile_seconds
        found = faults_of(outcome, allowed)
        if command == "config" and outcome.code == 0:
            found += faults_of_configuration(mutation, outcome.output, self.folder)
        self.counts.setdefault((mutation.kind, command), Counter())[outcome.verdict] += 1
        if found:
            self.faults += 1
            print(f"FAULT {mutation.kind}, {command}: {'; '.join(found)}\n  {_shortened(mutation.changed)}")
            print("  " + _shortened(outcome.error or outcome.output), flush=True)
        return outcome

    def table(self) -> str:
        """Return the counts as a table."""
        verdicts = sorted({verdict for tally in self.counts.values() for verdict in tally})
        rows = [f"{'changed':<20} {'command':<15} " + " ".join(f"{verdict:>12}" for verdict in verdicts)]
        for (kind, command), tally in sorted(self.counts.items()):
            rows.append(f"{kind:<20} {command:<15} " + " ".join(f"{tally[verdict]:>12,}" for verdict in verdicts))
        return "\n".join(rows)


def _shortened(text: str) -> str:
    return json.dumps(text if len(text) < 600 else f"{text[:300]} ... {text[-300:]}")


def main() -> int:
    """Run the fuzzer; return 1 if there was a fault."""
    arguments = _arguments()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        fuzzer = Fuzzer(Path(name), arguments.seconds, arguments.compile_seconds)
        mutator = Mutator(random.Random(arguments.seed), fuzzer.folder)
        compiled = processes = 0
        for number in range(arguments.mutations):
            mutation = mutator.mutation()
            outcome = fuzzer.feed(mutation, "config")
            if processes < arguments.processes and number % 7 == 0:
                processes += 1
                fuzzer.feed(mutation, "config", as_process)
            if compiled < arguments.compiled and outcome.code == 0:
                compiled += 1
                fuzzer.feed(mutation, ("compile", "run --dry-run")[compiled % 2])
        print(fuzzer.table())
    print(f"{arguments.mutations:,} mutations in {time.monotonic() - begin:,.0f} s, {fuzzer.faults:,} faults")
    return 1 if fuzzer.faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Feed changed configurations to the commands that read them.")
    parser.add_argument("--mutations", type=int, default=1000, help="number of mutations (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the mutations (default: 0)")
    parser.add_argument("--processes", type=int, default=30, help="mutations that also run as processes (default: 30)")
    parser.add_argument("--compiled", type=int, default=60, help="accepted mutations that are compiled (default: 60)")
    parser.add_argument("--seconds", type=float, default=5, help="longest time for `config` (default: 5)")
    parser.add_argument("--compile-seconds", type=float, default=120, help="longest time to compile (default: 120)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
