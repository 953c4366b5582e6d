"""A few of the fuzzer's changed bundles: the commands accept them, or say what is wrong."""

import random
import shutil

from benchmarks.fuzz_bundles import Fuzzer, fix, mutate
from data.store import write_span
from serving_targets.contract import with_contract
from serving_targets.manifest import read_manifest

MUTATIONS = 30


def test_every_changed_bundle_is_evaluated_or_explained(target, sequence, tmp_path, capsys):
    original, changed = target / "2", tmp_path / "changed" / "1"
    for file in original.glob("*.tflite"):
        file.write_bytes(with_contract(file.read_bytes(), read_manifest(original).contract))
    fix(original)
    data = write_span(tmp_path / "data", 1, [sequence("a", "left", ["left", "right"])]).parent
    fuzzer, draw = Fuzzer(tmp_path, data, seconds=60, megabytes=4000), random.Random(16)
    for number in range(MUTATIONS):
        shutil.rmtree(changed, ignore_errors=True)
        shutil.copytree(original, changed)
        fuzzer.feed(mutate(changed, draw), changed, ("evaluate", "rollback")[number % 5 == 0])
    assert "FAULT" not in capsys.readouterr().out
    assert fuzzer.faults == 0
    assert sum(tally["rejected"] for tally in fuzzer.counts.values()) > MUTATIONS / 3
