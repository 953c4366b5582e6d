from dataclasses import replace

import pytest
from rich.console import Console

from data.errors import InputError
from data.health import FIGURES, WORDS
from data.store import write_span
from data.synthetic import SyntheticSpec, generate
from pipelines import schema_proposal
from pipelines.config import load_config


@pytest.fixture(scope="module")
def proposal(tmp_path_factory):
    """The proposal for a span with one new label, one missing label, and people far larger than the image."""
    folder = tmp_path_factory.mktemp("data")
    sequences = []
    for sequence in generate(SyntheticSpec(subjects=2, repetitions=1, seed=4)):
        keypoints = sequence.keypoints.copy()
        keypoints[..., :2] *= 20
        label = "drunken_fist" if sequence.label == "lift_the_sky" else sequence.label
        sequences.append(replace(sequence, keypoints=keypoints, label=label))
    span = write_span(folder, 1, sequences)
    # Runs in this process what a child process does; other tests load TFDV in this process, too.
    return schema_proposal._infer(load_config("baduanjin"), span)


def test_differences_are_named(proposal):
    changes = {change.feature: change for change in proposal.changes}
    health = {*FIGURES, *WORDS} - {"centre_z"}
    assert changes.keys() == {*health, "keypoints", "label", "subject", "sequence_id", "view", "start_frame"}
    assert changes["label"].change == "new: drunken_fist; not seen: lift_the_sky"
    assert changes["torso_length"].change.startswith("above 3")
    assert "above 2.5" in changes["centre_x"].change
    assert {changes[name].change for name in ("fps", "missing_share", "keypoints", "subject")} == {""}


def test_the_proposal_is_a_schema_of_the_same_windows(proposal, tmp_path):
    from schema.window_contract import read_window_contract

    (tmp_path / "proposed.pbtxt").write_text(proposal.text)
    contract = read_window_contract(tmp_path / "proposed.pbtxt")
    assert contract.shape == (64, 17, 3)
    assert set(contract.labels) >= {"drunken_fist", "draw_the_bow"}
    assert "lift_the_sky" not in contract.labels


def test_features_that_differ_come_first(proposal):
    console = Console(record=True, width=200)
    schema_proposal.show(proposal, console)
    text = console.export_text()
    assert text.index("drunken_fist") < text.index("stillness")
    judged = sum(bool(change.change) for change in proposal.changes)
    assert f"{judged} of {len(proposal.changes)} features to judge" in text


def test_a_missing_span_is_wrong_input(tmp_path):
    with pytest.raises(InputError, match="no span"):
        schema_proposal.propose(load_config("baduanjin"), tmp_path, None, tmp_path)
