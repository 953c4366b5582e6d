"""Changed models and bundles, fed to `poseline evaluate` and `poseline rollback`; a table counts what happens.

    python -m benchmarks.fuzz_bundles --mutations 5000 --seed 0

A mutation changes the int8 file (bits, words, pieces, or the tables of the model), the metadata in it, the manifest, or
the files of the bundle. Sizes and digests in the manifest are fixed, so that what is changed is also read. The command
runs in this process, and the interpreter in a child as always, except that the child is forked instead of started, to
save time; `--processes` mutations also go through the command as a process of its own, with limited memory.

A mutation is a fault of the project if its command

- ends with an exit code other than 0 and 2, or with a traceback or a control character in its output,
- rejects the bundle without saying what is wrong, where, and what to do,
- takes longer than `--seconds`, or more memory than `--megabytes`.

Faults are printed and their bundles kept; the exit code is 1 if there are any. The same seed makes the same mutations.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import resource
import shutil
import socket
import stat
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from benchmarks.fuzz_configuration import Outcome, as_process, faults_of, in_process
from data.digests import file_digest
from data.project import PROJECT_ROOT
from data.store import read_sequences, span_folder, write_span
from serving_targets.contract import CONTRACT, LABELS, read_contract, with_contract
from serving_targets.manifest import INT8_MODEL, MANIFEST
from serving_targets.sandbox import sandboxed_classifier

_WORDS = (0, 1, 2, 3, 4, 8, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_NUMBERS = (-1, 0, 1, 2, 3, 127, 1000, 2**16, 2**30, 2**31 - 1)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, 1e308, -1e308, 2**31, 2**63, 10**30, [], {}, [[]], [None], {"": None}, "", " "),
    *("x", "\0", "\x1b[31m", "\u202e", "\u2028", "\ud83e\uddd8", "[red]x", "x" * 5000, "../../etc/passwd", "/dev/zero"),
    *("model_int8.tflite", "MODEL_INT8.tflite", MANIFEST, "saved_model/../x", "a//b", "a\\b", "\u00e9", "nan"),
    *("coco17", "openpose25", "kinect25", "slide", "stretch", "0" * 64, "9999-12-31T23:59:59Z", "0001-01-01"),
    *([*"ab"], ["a", "a"], list(range(2000)), ["x" * 1000] * 500, {"a": {"b": {"c": {}}}}, dict.fromkeys("abc", "")),
)
_PIECES = (
    *("null", "NaN", "-Infinity", "1e999", "9" * 5000, "[" * 100_000, '{"a":' * 5000, '"', "{", "}", "[", "]", ","),
    *("\x00", "\ufeff", "\\ud800", "\\u0000", "\n", "x" * 2_000_000, '"a": 1, "a": 2,', '"version": 1,', "1" * 400),
)


def _change_bytes(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4, 16, 64))):
        at = draw.randrange(len(changed))
        length = min(draw.choice((1, 4, 16, 300)), len(changed) - at)
        match draw.randrange(6):
            case 0 | 1:
                changed[at] ^= 1 << draw.randrange(8)
            case 2:
                changed[at // 4 * 4 : at // 4 * 4 + 4] = draw.choice(_WORDS).to_bytes(4, "little")
            case 3:
                here = at // 4 * 4
                word = int.from_bytes(changed[here : here + 4], "little") + draw.choice((-8, -4, -1, 1, 4, 8))
                changed[here : here + 4] = (word % 2**32).to_bytes(4, "little")
            case 4:
                other = draw.randrange(len(changed))
                changed[at : at + length] = changed[other : other + length]
            case 5:
                del changed[at : at + length]
                changed = changed or bytearray(b"x")
    return bytes(changed)


def _model_bytes(bundle: Path, draw: random.Random) -> None:
    """Change bytes anywhere in the model, most often where its tables are."""
    path = bundle / INT8_MODEL
    content = path.read_bytes()
    model, archive = _split(path)
    if draw.random() < 0.2:
        model = model[: draw.randrange(len(model))]
    elif draw.random() < 0.3:
        model = _change_bytes(model, draw)
    else:  # the tables are at the end; before them are the weights
        start = draw.choice((0, max(0, len(model) - 40_000), max(0, len(model) - 8000)))
        model = model[:start] + _change_bytes(model[start:], draw)
    path.write_bytes(with_contract(model, archive) if draw.random() < 0.9 and archive else model)
    if draw.random() < 0.05:
        path.write_bytes(_change_bytes(content, draw))


def _model_tables(bundle: Path, draw: random.Random) -> None:
    """Change the model as an object: shapes, types, operators, inputs and outputs."""
    path = bundle / INT8_MODEL
    content, contract = _split(path)
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    for _ in range(draw.choice((1, 1, 2, 3))):
        _change_table(model, model.subgraphs[0], draw)
    try:
        content = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    except Exception:  # the change cannot be written
        content = _change_bytes(content, draw)
    path.write_bytes(with_contract(content, contract) if contract else content)


def _change_table(model: Any, graph: Any, draw: random.Random) -> None:
    tensor, operator = draw.choice(graph.tensors), draw.choice(graph.operators)
    match draw.randrange(12):
        case 0:
            tensor.shape = [draw.choice(_NUMBERS) for _ in range(draw.choice((0, 1, 2, 3, 4, 5, 9)))]
        case 1:
            tensor.type = draw.randrange(20)
        case 2:
            tensor.buffer = draw.choice((*range(len(model.buffers)), *_NUMBERS[4:]))
        case 3:
            operator.inputs = [draw.choice((-1, *range(len(graph.tensors)), 10**6)) for _ in range(draw.randrange(9))]
        case 4:
            operator.outputs = [draw.choice((-1, *range(len(graph.tensors)), 10**6)) for _ in range(draw.randrange(4))]
        case 5:
            code = draw.choice(model.operatorCodes)
            code.builtinCode = draw.choice((*range(210), 10**6))
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.customCode, code.version = draw.choice((None, b"FlexErf", b"x" * 9000)), draw.choice(_NUMBERS)
        case 6:
            graph.inputs = [draw.randrange(len(graph.tensors)) for _ in range(draw.choice((0, 1, 2, 100)))]
        case 7:
            graph.outputs = [draw.randrange(len(graph.tensors)) for _ in range(draw.choice((0, 1, 2, 100)))]
        case 8:
            shape = [1, *(draw.choice((-1, 1, 8, 2**20)) for _ in range(3))]
            graph.tensors[graph.inputs[0] if len(graph.inputs) else 0].shapeSignature = shape
        case 9:
            loop_for_ever(model, graph)
        case 10:
            inner = operator.builtinOptions
            numbers = [name for name, value in vars(inner or object).items() if isinstance(value, int)] if inner else []
            if numbers:
                setattr(inner, draw.choice(numbers), draw.choice(_NUMBERS))
        case 11:
            _poison(model, draw)


def _poison(model: Any, draw: random.Random) -> None:
    """Fill a buffer with NaN, or with integers far beyond what is expected, as indices, shapes or weights."""
    used = [buffer for buffer in model.buffers if buffer.data is not None and len(buffer.data)]
    if used:
        buffer = draw.choice(used)
        pattern = draw.choice((b"\xff\xff\xff\x7f", b"\x00\x00\xc0\x7f", b"\xff\xff\xff\xff", b"\x00\x00\x80\x7f"))
        buffer.data = list((pattern * (len(buffer.data) // 4 + 1))[: len(buffer.data)])


def loop_for_ever(model: Any, graph: Any) -> None:
    """Put a WHILE before the model, whose condition is the constant true."""
    if not len(graph.inputs):
        return
    given = graph.tensors[graph.inputs[0]]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.WHILE
    code.version = 1
    model.operatorCodes.append(code)
    true = schema.BufferT()
    true.data = [1]
    model.buffers.append(true)
    answer = schema.TensorT()
    answer.shape, answer.type, answer.buffer, answer.name = [], schema.TensorType.BOOL, len(model.buffers) - 1, b"t"
    condition, body = schema.SubGraphT(), schema.SubGraphT()
    condition.tensors, condition.inputs, condition.outputs = [copy.deepcopy(given), answer], [0], [1]
    body.tensors, body.inputs, body.outputs = [copy.deepcopy(given)], [0], [0]
    condition.operators, body.operators = [], []
    model.subgraphs += [condition, body]
    loop, options = schema.OperatorT(), schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = len(model.subgraphs) - 2, len(model.subgraphs) - 1
    loop.opcodeIndex, loop.inputs = len(model.operatorCodes) - 1, [graph.inputs[0]]
    graph.tensors.append(copy.deepcopy(given))
    loop.outputs = [len(graph.tensors) - 1]
    loop.builtinOptionsType, loop.builtinOptions = schema.BuiltinOptions.WhileOptions, options
    for operator in graph.operators:
        operator.inputs = [loop.outputs[0] if i == graph.inputs[0] else i for i in operator.inputs]
    graph.operators.insert(0, loop)


def _split(path: Path) -> tuple[bytes, Any]:
    """Return the model of a TFLite file without its archive, and its contract."""
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = min((entry.header_offset for entry in archive.infolist()), default=len(content))
    return content[:start], read_contract(path)


def _metadata(bundle: Path, draw: random.Random) -> None:
    """Change the archive in a TFLite file."""
    path = bundle / INT8_MODEL
    model, contract = _split(path)
    archive = path.read_bytes()[len(model) :]
    entries = {LABELS: "\n".join(contract.labels) + "\n", CONTRACT: contract.model_dump_json()}
    if draw.random() < 0.4:
        path.write_bytes(model + _change_bytes(archive, draw))
        return
    name = draw.choice([*entries])
    match draw.randrange(5):
        case 0:
            entries[name] = _change_json(entries[name], draw) if name == CONTRACT else "left\nright\n"
        case 1:
            del entries[name]
        case 2:
            entries[name] = draw.choice(_PIECES)[:300_000]
        case 3:
            entries[LABELS] = "\n".join(reversed(contract.labels)) + "\n"
        case 4:
            entries[name] = entries[name] * draw.choice((2, 2000))
    path.write_bytes(model)
    how = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(path, "a", how) as written, warnings.catch_warnings(action="ignore"):  # names may be repeated
        for entry, text in (*entries.items(), *([(name, "twice")] if draw.random() < 0.1 else [])):
            written.writestr(entry, text.encode("utf-8", "surrogatepass"))


def _change_json(text: str, draw: random.Random) -> str:
    """Change one to three values of a JSON text, or the text."""
    content = json.loads(text)
    for _ in range(draw.choice((1, 1, 2, 3))):
        inner: Any = content
        while True:
            keys: Sequence[Any] = list(inner) if isinstance(inner, dict) else range(len(inner))
            if not keys:
                break
            key = draw.choice(keys)
            if isinstance(inner[key], dict | list) and inner[key] and draw.random() < 0.8:
                inner = inner[key]
                continue
            match draw.randrange(4):
                case 0:
                    del inner[key]
                case 1 if isinstance(inner, list):
                    inner.append(copy.deepcopy(inner[key]))
                case _:
                    inner[key] = copy.deepcopy(draw.choice(VALUES))
            break
    result = json.dumps(content)
    if draw.random() < 0.25:
        at = draw.randrange(len(result))
        result = result[:at] + draw.choice(_PIECES) + result[at + draw.choice((0, 1, 50)) :]
    return result


def _manifest(bundle: Path, draw: random.Random) -> None:
    """Change the manifest."""
    path = bundle / MANIFEST
    path.write_text(_change_json(path.read_text(), draw), encoding="utf-8", errors="surrogatepass")


def _files(bundle: Path, draw: random.Random) -> None:
    """Add, remove, link or replace files."""
    files = [path for path in sorted(bundle.rglob("*")) if path.is_file()]
    path = draw.choice(files)
    new = bundle / draw.choice(
        ("other.tflite", "saved_model/x", "model_int8.tflite.gz", ".x", "a/b", "M\x1bodel.tflite")
    )
    new.parent.mkdir(exist_ok=True)
    match draw.randrange(9):
        case 0:
            path.unlink()
        case 1:
            path.unlink()
            path.symlink_to(
                draw.choice(("/etc/passwd", "/dev/zero", "..", path.name, "nothing", MANIFEST, "/dev/stdin"))
            )
        case 2:
            path.unlink()
            os.mkfifo(path)
        case 3:
            path.unlink()
            path.mkdir()
        case 4:
            path.write_bytes(draw.choice((b"", b"x", path.read_bytes() * 2)))
        case 5:
            os.truncate(path, draw.choice((0, 10, 2**40)))
        case 6:
            new.write_bytes(path.read_bytes())
        case 7:
            new.symlink_to(draw.choice((path, "/etc/passwd", "..", "model_int8.tflite")))
        case 8:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(new)[-100:] if len(str(new)) < 100 else str(bundle / "s")[-100:])


_KINDS: dict[str, Callable[[Path, random.Random], None]] = {
    "bytes of the model": _model_bytes,
    "tables of the model": _model_tables,
    "metadata": _metadata,
    "manifest": _manifest,
    "files": _files,
}
_MENDED = ("bytes of the model", "tables of the model", "metadata")


def mutate(bundle: Path, draw: random.Random) -> str:
    """Change a bundle in one way and return the kind of the change."""
    kind = draw.choice(list(_KINDS))
    _KINDS[kind](bundle, draw)
    if kind in _MENDED:
        fix(bundle)
    return kind


def fix(bundle: Path) -> None:
    """Write the sizes and the digests that the files have now into the manifest."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    for file in manifest["files"]:
        path = bundle / file["path"]
        file |= {"bytes": path.stat().st_size, "sha256": file_digest(path)}
    (bundle / MANIFEST).write_text(json.dumps(manifest))


class _Forked:
    """A child like `subprocess.Popen`, forked from this process, which has imported everything already."""

    def __init__(self, arguments: Sequence[str], output: IO[bytes]) -> None:
        self._code: int | None = None
        with warnings.catch_warnings(action="ignore"):  # the other threads are idle pools of libraries
            self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.setsid()
                for stream in (1, 2):
                    os.dup2(output.fileno(), stream)
                sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
                code = _answer(arguments)
                sys.stdout.flush()
            finally:
                os._exit(code)

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self) -> int:
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code


def _answer(arguments: Sequence[str]) -> int:
    from multiprocessing.connection import Connection

    from serving_targets.sandbox import answer_windows

    model, descriptor, *expected = arguments
    return answer_windows.main(Path(model), Connection(int(descriptor)), *map(int, expected))


def _fork(_module: str, arguments: Sequence[str], output: IO[bytes], _pass_fds: Sequence[int] = ()) -> Any:
    return _Forked(arguments, output)


@dataclass
class Fuzzer:
    """Feeds mutations to the commands.

    Attributes:
        folder: empty folder for bundles.
        data: data folder of a few sequences.
        seconds: longest time allowed for a command.
        megabytes: largest memory allowed for a process.
        counts: number of outcomes, by kind of mutation and command.
        messages: number of outcomes by message, with digits and names left out.
        faults: number of faults.
    """

    folder: Path
    data: Path
    seconds: float
    megabytes: float
    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    messages: Counter[str] = field(default_factory=Counter)
    faults: int = 0

    def feed(self, kind: str, bundle: Path, command: str, run: Callable[[list[str]], Outcome] = in_process) -> None:
        """Run a command with a bundle, count the outcome and print its faults."""
        arguments = {
            "evaluate": ["evaluate", "--bundle", str(bundle), "--data", str(self.data)],
            "rollback": ["rollback", str(bundle.parent), "--to", bundle.name],
        }[command]
        outcome = run(arguments)
        found = faults_of(outcome, self.seconds)
        who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        peak = max(resource.getrusage(one).ru_maxrss for one in who) / 1024
        if peak > self.megabytes:
            found.append(f"{peak:,.0f} MB")
        self.counts.setdefault((kind, command), Counter())[outcome.verdict] += 1
        if command == "evaluate":
            self.messages[_gist(outcome)] += 1
        if found:
            self.faults += 1
            kept = Path(tempfile.gettempdir()) / f"bundle-fault-{self.faults}"
            print(f"FAULT {kind}, {command}: {'; '.join(found)}; kept in {kept}\n{outcome.error[:600]}", flush=True)
            shutil.copytree(bundle, kept, symlinks=True, dirs_exist_ok=True, ignore=_unfit_to_keep)

    def table(self) -> str:
        """Return the counts as a table."""
        verdicts = sorted({verdict for tally in self.counts.values() for verdict in tally})
        rows = [f"{'changed':<22} {'command':<10} " + " ".join(f"{verdict:>12}" for verdict in verdicts)]
        for (kind, command), tally in sorted(self.counts.items()):
            rows.append(f"{kind:<22} {command:<10} " + " ".join(f"{tally[verdict]:>12,}" for verdict in verdicts))
        return "\n".join(rows)


def _unfit_to_keep(folder: str, names: list[str]) -> list[str]:
    """Return the pipes, sockets and sparse files of a terabyte."""
    states = {name: (Path(folder) / name).lstat() for name in names}
    return [
        name
        for name, state in states.items()
        if stat.S_ISFIFO(state.st_mode) or stat.S_ISSOCK(state.st_mode) or state.st_size > 10**8
    ]


def _gist(outcome: Outcome) -> str:
    first = (outcome.error.splitlines() or ["evaluated"])[0]
    return "".join("0" if c.isdigit() else c for c in first)[:60]


def few_sequences(data: Path, folder: Path, count: int) -> Path:
    """Write the first sequences of a data folder's latest span to a new data folder."""
    sequences = []
    for sequence in read_sequences(span_folder(data, None)):
        sequences.append(sequence)
        if len(sequences) == count:
            break
    return write_span(folder, 1, sequences).parent


def fuzz(bundle: Path, data: Path, arguments: argparse.Namespace) -> Fuzzer:
    """Feed mutations of a bundle to the commands.

    Args:
        bundle: folder of a sound version.
        data: data folder that the bundle can be evaluated on.
        arguments: command line.
    """
    from serving_targets.sandbox import answer_windows  # noqa: F401  # once, for all forked children

    sandboxed_classifier.start_module = _fork  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as name:
        fuzzer = Fuzzer(Path(name), few_sequences(data, Path(name) / "data", 2), arguments.seconds, arguments.megabytes)
        draw = random.Random(arguments.seed)
        changed = fuzzer.folder / "target" / "1"
        for number in range(arguments.mutations):
            shutil.rmtree(changed, ignore_errors=True)
            shutil.copytree(bundle, changed)
            kind = mutate(changed, draw)
            fuzzer.feed(kind, changed, "evaluate")
            if number % 5 == 0:
                fuzzer.feed(kind, changed, "rollback")
            if number % (arguments.mutations // max(arguments.processes, 1) or 1) == 0:
                fuzzer.feed(kind, changed, "evaluate", as_process)
        return fuzzer


def main() -> int:
    """Run the fuzzer; return 1 if there was a fault."""
    arguments = _arguments()
    begin, used = time.monotonic(), time.process_time()
    fuzzer = fuzz(arguments.bundle, arguments.data, arguments)
    print(fuzzer.table())
    for place, (message, count) in enumerate(fuzzer.messages.most_common()):
        if place < 20 or "interpreter" in message or "memory" in message:
            print(f"{count:>6,}  {message}")
    peaks = [resource.getrusage(one).ru_maxrss / 1024 for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() - used + children.ru_utime + children.ru_stime
    print(
        f"{arguments.mutations:,} mutations in {time.monotonic() - begin:,.0f} s ({seconds:,.0f} s of processor time),"
        f" {fuzzer.faults:,} faults; peak memory {peaks[0]:,.0f} MB, of a child {peaks[1]:,.0f} MB"
    )
    return 1 if fuzzer.faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Feed changed bundles to the commands that read them.")
    parser.add_argument("--mutations", type=int, default=1000, help="number of mutations (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the mutations (default: 0)")
    parser.add_argument("--processes", type=int, default=50, help="mutations that also run as processes (default: 50)")
    parser.add_argument("--seconds", type=float, default=30, help="longest time for a command (default: 30)")
    parser.add_argument("--megabytes", type=float, default=900, help="largest memory of a process (default: 900)")
    parser.add_argument(
        "--bundle", type=Path, default=PROJECT_ROOT / ".poseline/pushed/baduanjin/1", help="sound bundle to change"
    )
    parser.add_argument("--data", type=Path, default=PROJECT_ROOT / "data/sample", help="data to evaluate on")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
