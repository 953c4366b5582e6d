import random

from components.keypoint_example_gen import sorted_runs


def test_runs_are_merged_in_order_however_many_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(sorted_runs, "MAX_OPEN", 3)
    draw = random.Random(0)
    records = [(draw.randbytes(8), draw.randbytes(5), {"row": number}) for number in range(2000)]
    paths = [
        sorted_runs.write_run(tmp_path, f"run-{number}", sorted(records[number::11], key=lambda record: record[:2]))
        for number in range(11)
    ]
    draw.shuffle(paths)
    assert list(sorted_runs.merge_runs(tmp_path, "shard", paths)) == sorted(records, key=lambda record: record[:2])
    sorted_runs.remove_runs(tmp_path)
    assert list(tmp_path.iterdir()) == []
