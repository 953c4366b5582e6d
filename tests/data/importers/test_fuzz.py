"""A short run of benchmarks/fuzz_importers.py, with some dozens of damaged files of each kind."""

import random
import signal

from benchmarks import fuzz_importers as fuzzer
from data.importers import FORMATS


def test_mutated_files_are_kept_or_quarantined(tmp_path):
    before = signal.signal(signal.SIGALRM, fuzzer._hang)
    try:
        seeds = fuzzer.make_seeds(tmp_path / "seeds", list(FORMATS))
        assert {name for name, _, _ in seeds} == set(FORMATS)
        draw = random.Random(11)
        for number in range(40 * len(seeds)):
            name, suffix, content = seeds[number % len(seeds)]
            path = tmp_path / f"input{suffix}"
            path.write_bytes(fuzzer.mutate(content, draw))
            outcome, trace = fuzzer.feed(name, path, seconds=20)
            assert not trace, f"{outcome} with {name} input {number}\n{trace}"
    finally:
        signal.signal(signal.SIGALRM, before)
