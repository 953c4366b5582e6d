"""What `poseline init` chooses for recordings of all kinds."""

import re
from collections import defaultdict
from dataclasses import replace

import pytest

from data.errors import InputError
from data.health import window_health
from data.layouts import load_layout
from data.splits import SplitPolicy, assign_splits, drawn_for_test, split_clips
from data.store import read_index, read_sequences
from data.validation import validate_span
from data.windows import WindowSpec, cut_windows
from pipelines.config import PipelineConfig, load_config
from pipelines.new_project.choices import choose, completed
from pipelines.new_project.create import create_project
from pipelines.new_project.survey import measure_health, survey_span
from schema.gates import read_gates
from schema.window_contract import read_window_contract
from tests.pipelines.new_project.recordings import clip, people, session, span

MEANS = read_gates(PipelineConfig.model_fields["gates_file"].default).data_gate.means
LABELS = ("curl", "press", "raise")

KINDS = {
    "three clips of each label, nobody known": (
        [clip(f"{label}{n}", label) for label in LABELS for n in range(3)],
        "recordings",
    ),
    "one person": ([clip(f"{label}{n}", label, "ann") for label in LABELS for n in range(6)], "recordings"),
    "one recording of each label": ([clip(label, label, "ann", 20.0) for label in LABELS], "time"),
    "enough people": (people(6, LABELS), "hash"),
    "500 people": (people(500, ("curl", "press"), 1, seconds=0.5, fps=10.0), "hash"),
    "two labels": (people(4, ("curl", "press")), "hash"),
    "60 labels": (people(4, [f"move {n}" for n in range(60)], 1, seconds=1.0), "hash"),
    "a label with 95 % of the clips": (
        [*people(5, ["curl"], 20), *(clip(f"press{n}", "press", f"person{n % 5}") for n in range(5))],
        "hash",
    ),
    "recordings without a label among others": ([*people(5, LABELS), *people(5, ["unknown"], 4)], "hash"),
    "sessions": ([session(f"{who}-{n}", LABELS, who) for who in "abcd" for n in range(2)], "hash"),
    "half a second and 20 minutes": (
        [*people(4, LABELS, 1, seconds=0.5), *(clip(f"long{n}", LABELS[n], "person0", 1200.0, 10.0) for n in range(3))],
        "hash",
    ),
    "5 to 240 frames per second": (
        [
            clip(f"{who}{label}{fps}", label, who, fps=fps)
            for who in "abcd"
            for label in LABELS
            for fps in (5.0, 30.0, 240.0)
        ],
        "hash",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_data_can_be_divided_and_every_clip_makes_windows(kind, tmp_path):
    sequences, method = KINDS[kind]
    data = span(tmp_path / "data", sequences)
    config = load_config(create_project("mine", data, tmp_path / "mine").config)
    assert (config.split.method, config.data) == (method, data)
    contract = read_window_contract(config.schema_file)
    known = {clip.label for one in sequences for clip in one.clips()} - {"unknown"}
    assert set(contract.labels) == known
    validate_span(data / "span-1", config.layout, contract.channels, config.split)
    splits = assign_splits(read_index(data / "span-1"), config.split)
    assert len(splits) == sum(clip.label in known for one in sequences for clip in one.clips())
    spec = WindowSpec(length=contract.length, **config.windows.model_dump())
    assert all(any(cut_windows(clip, spec)) for one in sequences for clip in one.clips())


def _choices(tmp_path, sequences):
    survey = survey_span(span(tmp_path / "data", sequences) / "span-1")
    choices = choose(survey)
    splits = assign_splits(survey.index, choices.policy)
    health = measure_health(survey, choices.window_spec, splits, choices.policy.test_share)
    return completed(choices, survey, health, choices.policy, choices.window_spec, MEANS)


def test_counted_repetitions_decide_the_length_of_a_window(tmp_path):
    counted = [clip(f"{who}{label}", label, who, 40.0, repetitions=10) for who in "abcd" for label in LABELS]
    choices = _choices(tmp_path, counted)
    seconds = choices.length.value / choices.windows["fps"].value
    assert choices.windows["fit"].value == "slide"
    assert 4.0 <= seconds < 4.0 * 1.5
    assert "95 % of your repetitions are shorter than 4.0 s" in choices.length.reason


def test_a_gate_asks_for_more_than_the_most_frequent_label(tmp_path):
    gates = _choices(tmp_path, people(10, LABELS, 4)).gates
    assert 1 / 3 < gates["evaluator.min_accuracy"].value < 0.6
    assert "no luck" in gates["evaluator.min_accuracy"].reason


def test_with_a_label_of_95_percent_the_f1_score_counts(tmp_path):
    gates = _choices(tmp_path, [*people(10, ["curl"], 38), *people(10, ["press"], 2)]).gates
    assert gates["evaluator.min_accuracy"].value == 0
    assert "accuracy says little" in gates["evaluator.min_accuracy"].reason
    assert gates["evaluator.min_macro_f1"].value > 0.5


def test_too_few_clips_for_a_claim_are_a_warning_and_no_obstacle(tmp_path):
    choices = _choices(tmp_path, [clip(f"{label}{n}", label) for label in ("curl", "press") for n in range(3)])
    assert choices.gates["model_validator.min_sequence_accuracy"].value == 0
    assert any("too few to show" in warning for warning in choices.warnings)


def test_a_division_that_the_data_state_is_used(tmp_path):
    parts = {0: "train", 1: "train", 2: "val", 3: "test"}
    stated = [clip(f"{who}{label}", label, f"p{who}", split=parts[who]) for who in parts for label in LABELS]
    choices = _choices(tmp_path, stated)
    assert choices.split["method"].value == "column"
    assert choices.policy.split_names() == ("train", "eval", "test")


def test_people_on_both_sides_are_a_warning(tmp_path):
    warnings = _choices(tmp_path, [clip(f"{label}{n}", label, "ann") for label in LABELS for n in range(9)]).warnings
    assert any("do not hold for other people" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("parts", "method"),
    [({0: "training", 1: "training", 2: "val", 3: "testing"}, "column"), ({0: "train", 1: "train", 2: "val"}, "hash")],
)
def test_a_split_that_the_data_state_is_used_or_its_disuse_is_a_note(parts, method, tmp_path):
    stated = [clip(f"{who}{label}", label, f"p{who}", split=parts.get(who)) for who in range(4) for label in LABELS]
    choices = _choices(tmp_path, [*stated, clip("nobody knows", "unknown", "p9")])
    assert choices.split["method"].value == method
    assert any("split (train, val) that is not used" in note for note in choices.warnings) == (method == "hash")


def test_a_stated_split_without_a_test_is_a_note(tmp_path):
    stated = [
        clip(f"{who}{label}", label, f"p{who}", split="val" if who == 3 else "train")
        for who in range(4)
        for label in LABELS
    ]
    assert any("the test split is empty" in note for note in _choices(tmp_path, stated).warnings)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ([clip("mine", "curl")], "clip 'mine' has no person"),
        ([clip(f"mine{n}", "walk") for n in range(3)], r"clip 'mine0' and 2 more have .*leave_out: \[walk\]"),
        ([clip(f"mine{n}", "walk", "person1") for n in range(3)], r"label 'walk' has a single .*leave_out: \[walk\]"),
    ],
)
def test_what_prevents_a_division_by_person_is_named(more, reason, tmp_path):
    choices = _choices(tmp_path, [*people(5, LABELS), *more])
    assert choices.split["method"].value == "recordings"
    assert re.search(reason, choices.split["method"].reason)
    assert any(re.search(reason, note) for note in choices.warnings)


def _tested(survey, policy):
    splits = assign_splits(survey.index, policy)
    return {key.subject for key in survey.index if splits.get(key.sequence_id) == "test"}


@pytest.mark.parametrize("group", range(12))
def test_nobody_moves_from_test_to_training_when_people_join(group, tmp_path):
    policy, tested = None, set()
    for number, count in enumerate((4, 5, 7, 11, 20)):
        clips = [clip(f"{n}{x}", x, f"group{group}-{n}", 0.1, 10.0) for n in range(count) for x in ("curl", "press")]
        survey = survey_span(span(tmp_path / "data", clips, number) / f"span-{number}")
        policy = choose(survey, earlier=policy).policy
        assert tested <= _tested(survey, policy)
        tested = _tested(survey, policy)


def test_who_moves_because_a_seed_no_longer_divides_the_labels_is_named(tmp_path):
    survey = survey_span(span(tmp_path / "data", people(8, ("curl", "press"))) / "span-1")
    known = choose(survey).policy
    tested = _tested(survey, known)
    trained = sorted(survey.people.keys() - tested)[:2]
    new = [*people(8, ("curl", "press")), *(clip(f"new-{who}", "raise", who) for who in trained)]
    survey = survey_span(span(tmp_path / "data", new, 2) / "span-2")
    again = choose(survey, earlier=known)
    moved = tested - _tested(survey, again.policy)
    assert moved
    (note,) = (note for note in again.warnings if "moved from test to training" in note)
    assert all(who in note for who in moved)


def test_another_method_than_before_is_a_note(tmp_path):
    few = people(3, ("curl", "press"), 3)
    policy = _choices(tmp_path, few).policy
    survey = survey_span(span(tmp_path / "data", people(6, ("curl", "press"), 3), 2) / "span-2")
    notes = choose(survey, earlier=policy).warnings
    assert any("was 'recordings' and is 'hash' now" in note for note in notes)


def test_the_comment_of_a_kept_seed_does_not_say_that_it_was_drawn(tmp_path):
    survey = survey_span(span(tmp_path / "data", people(8, ("curl", "press"))) / "span-1")
    drawn = choose(survey).split["seed"]
    other = next(seed for seed in range(64) if seed != drawn.value and _divides(survey, seed))
    kept = choose(survey, earlier=SplitPolicy(eval_share=0, seed=other)).split["seed"]
    assert kept.value == other
    assert "draws" in drawn.reason
    assert kept.reason.startswith("kept, so that nobody moves")


def _divides(survey, seed):
    """Return whether the hash itself puts somebody into test and leaves somebody for training."""
    policy = SplitPolicy(eval_share=0, seed=seed)
    return 1 <= len(drawn_for_test(survey.people, policy)) < len(survey.people)


def _armed(sequence):
    """Return a clip in which the joints of the arms are seen only."""
    keypoints = sequence.keypoints.copy()
    keypoints[:, [joint for joint in range(17) if joint not in (5, 6, 7, 8, 9, 10)]] = 0
    return replace(sequence, keypoints=keypoints)


UNUSUAL = {
    "short clips with counted repetitions": [replace(one, repetitions=2) for one in people(6, LABELS, seconds=0.5)],
    "few frames per second": people(6, LABELS, fps=3.0, seconds=8.0),
    "arms only": [_armed(one) for one in people(6, LABELS)],
    "short clips among long ones": KINDS["half a second and 20 minutes"][0],
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_the_gate_passes_the_recordings_that_it_was_configured_with(kind, tmp_path):
    data = span(tmp_path / "data", UNUSUAL[kind])
    config = load_config(create_project("mine", data, tmp_path / "mine").config)
    contract = read_window_contract(config.schema_file)
    spec = WindowSpec(length=contract.length, **config.windows.model_dump())
    windows: dict[str, list] = defaultdict(list)
    splits = assign_splits(read_index(data / "span-1"), config.split)
    for sequence in read_sequences(data / "span-1"):
        for part, split in split_clips(sequence, splits, config.split.test_share):
            windows[split] += cut_windows(part, spec)
    for found in windows.values():
        health = window_health(found, load_layout(config.layout))
        for name, bound in config.read_gates().data_gate.means.items():
            assert bound.allows(float(health[name].mean())), (name, bound)


def test_windows_do_not_slide_over_clips_that_are_shorter_than_half_a_window(tmp_path):
    short = [replace(one, repetitions=2) for one in people(6, LABELS, seconds=0.5)]
    assert _choices(tmp_path, short).windows["fit"].value == "stretch"


def test_usual_recordings_have_the_usual_means(tmp_path):
    assert "data_gate.means" not in _choices(tmp_path, people(6, LABELS)).gates


@pytest.mark.parametrize(
    ("labels", "mirrors"),
    [
        (("curl", "press"), True),
        (("left_curl", "right_curl"), True),
        (("left_curl", "press"), False),
        (("Left curl", "Right curl"), False),
    ],
)
def test_windows_are_mirrored_only_if_their_labels_can_be(tmp_path, labels, mirrors):
    config = load_config(create_project("mine", span(tmp_path / "d", people(4, labels)), tmp_path / "mine").config)
    assert bool(config.training.augmentation.mirror) == mirrors


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([clip("a", "curl", seconds=0.0), clip("b", "press")], "label 'curl' has 2 frames, too short"),
        ([clip(f"a{n}", "curl") for n in range(9)], "the only label is 'curl'"),
        ([clip(f"a{n}", "unknown") for n in range(9)], "no recording has a label"),
        ([clip(f"a{n}", f"take {n}") for n in range(201)], "201 labels"),
    ],
)
def test_what_can_not_be_learned_is_refused_with_the_reason(tmp_path, sequences, message):
    with pytest.raises(InputError, match=message):
        create_project("mine", span(tmp_path / "data", sequences), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
