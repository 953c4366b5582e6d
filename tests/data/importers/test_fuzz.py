"""A short run of the fuzzer's inputs without Atheris: some dozens of changed files of each kind."""

import random
import signal

from benchmarks.fuzzing.feeder import Feeder
from benchmarks.fuzzing.inputs import KINDS, change, make_seeds


def test_changed_files_are_kept_or_quarantined_within_the_budget(tmp_path):
    before = signal.getsignal(signal.SIGPROF)
    try:
        seeds = make_seeds(tmp_path / "seeds", list(KINDS))
        assert {name for name, _, _ in seeds} == set(KINDS)
        feeders = {name: Feeder(name, tmp_path) for name in KINDS}
        draw = random.Random(11)
        for number in range(30 * len(seeds)):
            name, suffix, content = seeds[number % len(seeds)]
            path = tmp_path / f"input{suffix}"
            path.write_bytes(change(name, content, draw))
            feeders[name].feed(path)
        assert not [fault for feeder in feeders.values() for fault in feeder.faults.values()]
        assert sum(sum(feeder.outcomes.values()) for feeder in feeders.values()) == 30 * len(seeds)
    finally:
        signal.signal(signal.SIGPROF, before)
