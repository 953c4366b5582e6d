"""The distance that chance explains, on invented people, and its measure against TFDV's."""

import numpy as np
import pytest

from components.data_gate.chance import chance_bounds, chance_of_mean, jensen_shannon


def windows(people, spread, seed=0):
    """Return one feature of people who differ by `spread`, and the person of each window."""
    random = np.random.default_rng(seed)
    centres = np.repeat(random.normal(0, spread, people), 40)
    return (centres + random.normal(0, 1, len(centres))).astype(np.float32), np.repeat(np.arange(people), 40)


def test_the_more_people_differ_the_further_random_groups_lie_apart():
    bounds = [
        chance_bounds({"size": values}, groups, 0.2)["size"] for values, groups in (windows(20, 0), windows(20, 3))
    ]
    assert 0 < bounds[0] < 0.1 < bounds[1] < 1


def test_most_random_groups_of_other_draws_pass():
    values, groups = windows(20, 1)
    bound = chance_bounds({"size": values}, groups, 0.25)["size"]
    random = np.random.default_rng(5)
    distances = []
    for _ in range(100):
        side = np.isin(groups, random.permutation(20)[:5])
        distances.append(jensen_shannon(values[side], values[~side]))
    assert sum(distance > bound for distance in distances) <= 3
    assert jensen_shannon(values, values + 4) > bound


def test_too_few_people_have_no_bound():
    values, groups = windows(3, 1)
    assert chance_bounds({"size": values}, groups, 0.3) == {}


def test_words_are_compared_by_frequency_and_constants_are_no_fault():
    _, groups = windows(10, 1)
    words = np.where(groups % 2 == 0, "as_named", "swapped").astype(object)
    bounds = chance_bounds({"sides": words, "fps": np.full(len(groups), 30, np.float32)}, groups, 0.5)
    assert 0.5 < bounds["sides"] <= 2
    assert bounds["fps"] < 0.01


def test_the_mean_of_fewer_people_is_further_off():
    values, groups = windows(20, 1)
    few, many = (chance_of_mean(values, groups, count) for count in (2, 20))
    assert many < few / 2 < 2
    random = np.random.default_rng(5)
    off = [abs(values[np.isin(groups, random.permutation(20)[:5])].mean() - values.mean()) for _ in range(200)]
    assert sum(distance > chance_of_mean(values, groups, 5) for distance in off) <= 4


def test_people_who_are_alike_have_no_mean_that_is_off_by_chance():
    _, groups = windows(20, 1)
    assert chance_of_mean(np.full(len(groups), 0.6, np.float32), groups, 5) == pytest.approx(0)
    assert chance_of_mean(np.zeros(3), np.arange(3), 1) is None


def test_the_divergence_is_that_of_tfdv():
    import pyarrow as pa
    import tensorflow_data_validation as tfdv
    from google.protobuf import text_format
    from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
    from tensorflow_metadata.proto.v0.schema_pb2 import Schema

    random = np.random.default_rng(0)
    samples = [random.normal(0, 1, 1000).astype(np.float32), random.normal(1, 1.2, 700).astype(np.float32)]
    statistics = [
        generate_statistics_in_memory(
            pa.RecordBatch.from_pydict({"x": pa.array(v[:, None].tolist())}), tfdv.StatsOptions()
        )
        for v in samples
    ]
    comparator = "drift_comparator { jensen_shannon_divergence { threshold: 0 } }"
    schema = text_format.Parse(f'feature {{ name: "x" type: FLOAT {comparator} }}', Schema())
    found = tfdv.validate_statistics(statistics[1], schema, previous_statistics=statistics[0])
    measured = found.drift_skew_info[0].drift_measurements[0].value
    assert jensen_shannon(*samples) == pytest.approx(measured, rel=0.03)
