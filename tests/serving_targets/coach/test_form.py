"""References, scores and corrections."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from serving_targets.coach.form.deviations import DEVIATIONS, FAULTS
from serving_targets.coach.form.faults import bent, fault
from serving_targets.coach.form.references import Performances, References, build_references, cycle_of
from serving_targets.coach.form.scoring import corrections, cut_cycles, score
from serving_targets.coach.movement.signals import body_signal

PEOPLE = range(6)


@pytest.fixture(scope="module")
def references(raises):
    """References of arm raises by six people, one of whom uses the other arm."""
    people = {}
    for person in PEOPLE:
        side = "right" if person == 3 else "left"
        cycles = [_cycle(raises, person, repetition, side) for repetition in range(4)]
        people[f"secret-{person}"] = Performances(np.stack(cycles), np.full(4, 2.0))
    return build_references({"raise": people})


def _cycle(raises, person, repetition, side="left", degrees=0.0):
    size, reach = 0.9 + 0.04 * person, 88 + 1.5 * person + degrees
    return cycle_of(body_signal(raises(1, degrees=reach, side=side, seed=10 * person + repetition, size=size)))


def few(raises, side="left", degrees=0.0):
    return np.stack([_cycle(raises, 2, 90 + number, side, degrees) for number in range(5)])


def test_a_new_good_performance_is_good_and_a_shallow_one_is_not(references, raises):
    movement = references.movements["raise"]
    assert score(few(raises), movement) >= 70
    assert score(few(raises, degrees=-45), movement) < 50
    assert score(few(raises)[:0], movement) is None


def test_the_left_and_the_right_side_score_the_same(references, raises):
    movement = references.movements["raise"]
    left, right = (score(few(raises, side, -20), movement) for side in ("left", "right"))
    assert left == pytest.approx(right, abs=3)


def test_references_are_small_and_name_nobody(references):
    text = references.model_dump_json()
    assert "secret" not in text
    assert len(text) < 15_000
    assert References.model_validate(json.loads(text)) == references
    assert references.movements["raise"].seconds == 2.0


@pytest.mark.parametrize(
    ("name", "degrees"),
    [("left_elbow", -40.0), ("right_knee", -35.0), ("trunk", 30.0), ("left_shoulder", 40.0)],
)
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_bent_joint_is_named_with_the_way_back(references, raises, name, degrees, side):
    if side == "right":
        name = name.replace("left", "#").replace("right", "left").replace("#", "right")
    cycles = []
    for number in range(5):
        poses = raises(1, degrees=91, seed=60 + number, side=side)
        poses[..., :3] = bent(poses[..., :3], name, np.full(len(poses), degrees))
        cycles.append(cycle_of(body_signal(poses)))
    named = corrections(np.stack(cycles), tuple(2.0 * i for i in range(6)), references, "raise")
    first, evidence = named[0]
    expected = fault(name, degrees, throughout=True)
    assert (first.joint, first.direction) == (expected.joint, expected.direction)
    assert first.degrees == pytest.approx(abs(degrees), abs=12)
    assert evidence > references.alarm
    assert 0 <= first.at <= 10


def test_nothing_is_corrected_when_it_was_good(references, raises):
    assert corrections(few(raises), tuple(2.0 * i for i in range(6)), references, "raise") == []
    assert corrections(few(raises)[:0], (), references, "raise") == []


def test_filters_without_any_weight_find_nothing(references, raises):
    table = json.loads(references.model_dump_json())
    table["movements"]["raise"]["filters"] = [[0] * DEVIATIONS] * FAULTS
    blind = References.model_validate(table)
    assert corrections(few(raises, degrees=-60), tuple(2.0 * i for i in range(6)), blind, "raise") == []


def test_joints_that_are_never_seen_are_not_judged(references, raises):
    poses = raises(2, degrees=91)
    poses[:, [5, 6, 7], 3] = 0
    cycles = cut_cycles(body_signal(poses)[::3], (0.0, 20.0, 39.0))
    assert score(cycles, references.movements["raise"]) >= 0
    named = corrections(cycles, (0.0, 2.0, 4.0), references, "raise")
    assert [each.joint for each, _ in named if each.joint == "left_elbow"] == []
    poses[..., 3] = 0
    assert score(cut_cycles(body_signal(poses)[::3], (0.0, 20.0, 39.0)), references.movements["raise"]) is None


def test_a_single_person_is_enough_for_a_reference(raises):
    cycles = np.stack([_cycle(raises, 2, repetition) for repetition in range(2)])
    alone = build_references({"raise": {"p": Performances(cycles, np.full(2, 2.0))}})
    assert score(few(raises), alone.movements["raise"]) > score(few(raises, degrees=-60), alone.movements["raise"])


@pytest.mark.parametrize(
    "damage",
    [
        lambda table: table["movements"]["raise"]["cycle"].pop(),
        lambda table: table["movements"]["raise"]["cycle"][0].pop(),
        lambda table: table["movements"]["raise"].update(seconds=0),
        lambda table: table["movements"]["raise"]["form_tolerance"].__setitem__(0, 0.0),
        lambda table: table["movements"]["raise"]["filters"][3].pop(),
        lambda table: table.update(schema_version=2),
        lambda table: table.update(people=["anna"]),
    ],
)
def test_damaged_references_are_refused(references, damage):
    table = json.loads(references.model_dump_json())
    damage(table)
    with pytest.raises(ValidationError):
        References.model_validate(table)
