"""One kind of files under Atheris; `benchmarks.fuzz_importers` starts this module.

Its arguments are the kind, the file of the report, the folder for faults, and options of libFuzzer.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["data.importers", "data.records", "data.quarantine", "json", "pickle", "zipfile", "csv", "defusedxml"]
):
    from benchmarks.fuzzing.feeder import Feeder
    from benchmarks.fuzzing.inputs import change, make_seeds


def main() -> None:
    """Fuzz until the CPU time is spent, then write the report."""
    name, report, keep, *options = sys.argv[1:]
    seconds = next(float(option[6:]) for option in options if option.startswith("--cpu="))
    corpus = Path(options[-1])
    feeder = Feeder(name, Path(keep))
    with tempfile.TemporaryDirectory(dir=corpus.parent) as folder:
        seeds = make_seeds(Path(folder) / "seeds", [name])
        for number, (_, _, content) in enumerate(seeds):
            (corpus / f"seed-{number}").write_bytes(content)
        path = Path(folder) / f"input{seeds[0][1]}"

        def one(data: bytes) -> None:
            path.write_bytes(data)
            feeder.feed(path)
            if time.process_time() > seconds:
                files = len(list(corpus.iterdir()))
                content = {"outcomes": feeder.outcomes, "corpus": files, "faults": len(feeder.faults)}
                Path(report).write_text(json.dumps(content), encoding="utf-8")
                os._exit(0)  # libFuzzer would report the exit as a crash

        def mutated(data: bytes, size: int, seed: int) -> bytes:
            draw = random.Random(seed)
            if draw.random() < 0.3:
                data = draw.choice(seeds)[2]  # changes of changed files are seldom valid
            changed = atheris.Mutate(data, size) if draw.random() < 0.2 else change(name, data, draw)
            return changed[:size]

        # libFuzzer must not see the options of this module.
        flags = [option for option in options if not option.startswith("--")]
        atheris.Setup([sys.argv[0], *flags], one, custom_mutator=mutated)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
