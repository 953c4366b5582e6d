import hashlib
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from data.errors import InputError
from data.layouts import load_layout
from data.records import SESSION_LABEL, KeypointSequence
from data.store import list_spans, read_sequences
from data.synthetic import LABELS, SyntheticSpec, generate
from data.synthetic.camera import Camera
from data.synthetic.curves import drift, monotone_curve
from data.synthetic.form_faults import FAULTS, quality
from data.synthetic.kinematics import animate, rotation, two_bones
from data.synthetic.movements import MOVEMENTS, STAND, Movement
from data.synthetic.person import AVERAGE_BODY, invent_person
from data.synthetic.picture import draw
from data.synthetic.poses import CHANNELS, Pose, columns
from data.synthetic.sample import CLIPS, SAMPLE_FOLDER, SESSIONS, write_sample
from data.windows import WindowSpec, cut_windows
from tests.datasets import DATASETS

ROOT = Path(__file__).parents[2]
COCO = load_layout("coco17")
FORM = (
    "lift_the_sky",
    "draw_the_bow",
    "separate_heaven_and_earth",
    "wise_owl_gazes_backwards",
    "sway_head_and_shake_tail",
    "hands_hold_the_feet",
    "clench_fists_and_glare",
    "bounce_on_the_toes",
)
SIDED = {LABELS[number - 1] for number in (2, 3, 4, 5, 7)}


def key_motion(movement: Movement) -> np.ndarray:
    """Return a movement by a person without a personal style, 12 frames for each key pose."""
    poses = np.array([key.pose.to_vector() for key in (movement.entry[-1], *movement.cycles[0])])
    times = np.arange(len(poses), dtype=np.float64)
    return monotone_curve(times, poses, np.linspace(0, len(poses) - 1, 12 * len(poses)))


def joints_of(movement: Movement) -> dict[str, np.ndarray]:
    figure = animate(AVERAGE_BODY, key_motion(movement))
    return {joint: figure.joints[:, i] for i, joint in enumerate(COCO.joints)}


def digest(sequences: list[KeypointSequence]) -> str:
    digest = hashlib.sha256()
    for sequence in sequences:
        digest.update(sequence.sequence_id.encode())
        digest.update(sequence.keypoints.tobytes())
    return digest.hexdigest()


def test_labels_are_the_form_in_its_order():
    assert LABELS == FORM
    assert {movement.label for movement in MOVEMENTS if movement.sided} == SIDED


# Curves


def test_curve_goes_through_its_keys_without_overshooting_and_holds_what_is_held():
    times = np.array([0.0, 1.0, 2.0, 3.0, 5.0])
    values = np.array([[0.0], [1.0], [1.0], [-2.0], [-2.5]])
    curve = monotone_curve(times, values, np.linspace(0, 5, 501))[:, 0]
    np.testing.assert_allclose(monotone_curve(times, values, times), values, atol=1e-12)
    assert curve.max() <= 1.0 + 1e-12
    assert curve.min() >= -2.5 - 1e-12
    np.testing.assert_allclose(curve[100:201], 1.0)
    assert np.abs(np.diff(curve)).max() < 0.06


def test_drift_has_unit_deviation_and_memory():
    wander = drift(np.random.default_rng(0), 4000, 15.0, 0.5, (20,))
    assert wander.std() == pytest.approx(1.0, abs=0.03)
    following = np.corrcoef(wander[:-1].ravel(), wander[1:].ravel())[0, 1]
    assert following == pytest.approx(np.exp(-1 / 7.5), abs=0.02)


# Kinematics


def test_rotations_are_proper_and_turn_to_the_left_bow_to_the_front_and_lean_to_the_left():
    angles = np.random.default_rng(0).uniform(-180, 180, (3, 50))
    matrices = rotation(*angles)
    np.testing.assert_allclose(matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(3), (50, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(matrices), 1.0)
    zero, right = np.zeros(1), np.array([90.0])
    np.testing.assert_allclose(rotation(right, zero, zero)[0] @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation(zero, right, zero)[0] @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation(zero, zero, right)[0] @ [0, 1, 0], [1, 0, 0], atol=1e-12)


def test_two_bones_keep_their_length_even_out_of_reach():
    rng = np.random.default_rng(0)
    start, target, pole = rng.normal(0, 0.5, (3, 200, 3))
    middle, end = two_bones(start, target, 0.3, 0.25, pole)
    np.testing.assert_allclose(np.linalg.norm(middle - start, axis=1), 0.3, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(end - middle, axis=1), 0.25, atol=1e-9)
    reachable = np.linalg.norm(target - start, axis=1) < 0.5
    near = np.linalg.norm(target - start, axis=1) > 0.15
    np.testing.assert_allclose(end[reachable & near], target[reachable & near], atol=1e-9)


@pytest.mark.parametrize("movement", MOVEMENTS, ids=LABELS)
def test_bones_are_rigid_in_every_movement(movement: Movement):
    joints = joints_of(movement)
    lengths = {
        ("shoulder", "elbow"): AVERAGE_BODY.upper_arm,
        ("elbow", "wrist"): AVERAGE_BODY.forearm,
        ("hip", "knee"): AVERAGE_BODY.thigh,
        ("knee", "ankle"): AVERAGE_BODY.shin,
    }
    for side in ("left", "right"):
        for (first, second), length in lengths.items():
            bone = np.linalg.norm(joints[f"{side}_{first}"] - joints[f"{side}_{second}"], axis=1)
            np.testing.assert_allclose(bone, length, atol=1e-9)


@pytest.mark.parametrize("movement", MOVEMENTS, ids=LABELS)
def test_feet_stay_above_the_floor_and_the_body_above_the_feet(movement: Movement):
    joints = joints_of(movement)
    for side in ("left", "right"):
        assert joints[f"{side}_ankle"][:, 1].min() > 0.9 * AVERAGE_BODY.ankle
        assert (joints[f"{side}_hip"][:, 1] > joints[f"{side}_ankle"][:, 1]).all()
        assert (joints[f"{side}_wrist"][:, 1] > 0).all()


@pytest.mark.parametrize("movement", MOVEMENTS, ids=LABELS)
def test_cycles_of_sided_movements_end_on_neither_side(movement: Movement):
    for cycle in movement.cycles:
        last = cycle[-1].pose
        if movement.sided:
            np.testing.assert_array_equal(last.mirrored().to_vector(), last.to_vector())
        assert sum(key.seconds + key.hold for key in cycle) > 3


def test_a_mirrored_pose_is_the_mirror_image_of_the_body():
    for movement in MOVEMENTS:
        pose = movement.cycles[0][2].pose
        body = animate(AVERAGE_BODY, pose.to_vector()[None]).joints[0]
        mirrored = animate(AVERAGE_BODY, pose.mirrored().to_vector()[None]).joints[0]
        np.testing.assert_allclose(mirrored[list(COCO.mirror)], body * [-1, 1, 1], atol=1e-12)


def test_a_pose_survives_the_way_through_a_matrix():
    pose = MOVEMENTS[1].cycles[0][3].pose
    vector = pose.to_vector()
    assert vector.shape == (len(CHANNELS),)
    again = Pose.from_matrix(vector[None])
    assert [float(value[0]) for part in again for value in part] == vector.tolist()
    assert [CHANNELS[i] for i in columns("arm.reach")] == ["left_arm.reach", "right_arm.reach"]


# What the movements look like, in words that a teacher would use


def test_lift_the_sky_raises_both_hands_over_the_head():
    joints = joints_of(MOVEMENTS[0])
    above = np.minimum(joints["left_wrist"], joints["right_wrist"])[:, 1] - joints["nose"][:, 1]
    assert above.max() > 0.3
    assert above.min() < -0.5


def test_draw_the_bow_squats_spreads_the_arms_and_looks_along_the_bow_arm():
    joints = joints_of(MOVEMENTS[1])
    aim = int(np.argmax(joints["left_wrist"][:, 0] - joints["left_shoulder"][:, 0]))
    assert joints["left_wrist"][aim, 0] - joints["left_shoulder"][aim, 0] > 0.9 * AVERAGE_BODY.arm
    assert joints["right_elbow"][aim, 0] < joints["right_shoulder"][aim, 0] - 0.15
    assert joints["left_hip"][aim, 1] < 0.85 * joints["left_hip"][0, 1]
    head = 0.5 * (joints["left_ear"] + joints["right_ear"])
    assert joints["nose"][aim, 0] > head[aim, 0] + 0.03


def test_separate_heaven_and_earth_has_one_hand_high_and_one_low():
    joints = joints_of(MOVEMENTS[2])
    apart = joints["left_wrist"][:, 1] - joints["right_wrist"][:, 1]
    assert apart.max() > 0.8


def test_wise_owl_turns_the_head_and_not_the_feet():
    joints = joints_of(MOVEMENTS[3])
    head = 0.5 * (joints["left_ear"] + joints["right_ear"])
    assert (joints["nose"] - head)[:, 0].max() > 0.06
    np.testing.assert_allclose(np.ptp(joints["left_ankle"], axis=0), 0, atol=1e-9)


def test_sway_goes_low_on_both_sides_with_the_hands_at_the_knees():
    joints = joints_of(MOVEMENTS[4])
    head = joints["nose"] - 0.5 * (joints["left_hip"] + joints["right_hip"])
    assert head[:, 0].min() < -0.3
    assert head[:, 0].max() > 0.3
    assert head[:, 1].min() < 0.35
    for side in ("left", "right"):
        assert np.median(np.linalg.norm(joints[f"{side}_wrist"] - joints[f"{side}_knee"], axis=1)) < 0.22


def test_hands_hold_the_feet_bows_until_the_hands_are_there():
    joints = joints_of(MOVEMENTS[5])
    low = int(np.argmin(joints["left_wrist"][:, 1]))
    assert np.linalg.norm(joints["left_wrist"][low] - joints["left_ankle"][low]) < 0.25
    assert joints["nose"][low, 1] < joints["left_hip"][low, 1]


def test_clench_fists_stretches_one_arm_to_the_front_from_a_horse_stance():
    joints = joints_of(MOVEMENTS[6])
    forward = joints["left_wrist"][:, 2] - joints["left_shoulder"][:, 2]
    assert forward.max() > 0.85 * AVERAGE_BODY.arm
    assert (joints["right_wrist"][:, 2] - joints["right_shoulder"][:, 2]).max() < 0.3
    assert (joints["left_ankle"] - joints["right_ankle"])[:, 0].min() > 0.5


def test_bounce_lifts_the_whole_body_a_little():
    joints = joints_of(MOVEMENTS[7])
    assert 0.05 < np.ptp(joints["left_hip"][:, 1]) < 0.2
    assert np.ptp(joints["left_hip"][:, 0]) < 0.01


# Faults


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"hasty"}))
def test_every_fault_shows_in_every_movement_that_lists_it(fault: str):
    for movement in (movement for movement in MOVEMENTS if fault in movement.faults):
        sound = key_motion(movement)
        spoilt = sound.copy()
        FAULTS[fault](spoilt, 0.9)
        moved = animate(AVERAGE_BODY, spoilt).joints - animate(AVERAGE_BODY, sound).joints
        assert np.linalg.norm(moved, axis=-1).max() > 0.02, movement.label


def test_faults_that_movements_list_exist_and_cost_quality():
    assert {fault for movement in MOVEMENTS for fault in movement.faults} == set(FAULTS)
    assert quality({}) == 1.0
    assert quality({"leaning": -1.0}) == 0.5
    assert quality({"leaning": 0.5, "hasty": 1.0}) == 0.375


def test_low_arms_are_low():
    sound = key_motion(MOVEMENTS[0])
    spoilt = sound.copy()
    FAULTS["low_arms"](spoilt, 0.9)
    wrist = COCO.index("left_wrist")
    lost = (
        animate(AVERAGE_BODY, sound).joints[:, wrist, 1].max() - animate(AVERAGE_BODY, spoilt).joints[:, wrist, 1].max()
    )
    assert lost > 0.15


# Cameras


def camera(yaw: float = 0.0, elevation: float = 0.0) -> Camera:
    return Camera("front", yaw, elevation, 0.0, 4.0, 1.2, np.array([0.0, 0.9, 0.0]), 16 / 9)


def test_camera_in_front_sees_the_left_hand_on_the_right_of_the_image():
    figure = animate(AVERAGE_BODY, STAND.to_vector()[None])
    image, frame = camera().project(figure.joints[0])
    assert image[COCO.index("left_wrist"), 0] > image[COCO.index("right_wrist"), 0]
    assert image[COCO.index("nose"), 1] < image[COCO.index("left_ankle"), 1]
    assert frame[COCO.index("nose"), 2] < frame[COCO.index("left_ear"), 2]


def test_camera_at_the_left_sees_the_left_side_nearer_and_the_face_in_profile():
    figure = animate(AVERAGE_BODY, STAND.to_vector()[None])
    image, frame = camera(yaw=80).project(figure.joints[0])
    assert frame[COCO.index("left_shoulder"), 2] < frame[COCO.index("right_shoulder"), 2]
    assert image[COCO.index("nose"), 0] < image[COCO.index("left_ear"), 0]


def test_camera_from_above_foreshortens_an_upright_body():
    figure = animate(AVERAGE_BODY, STAND.to_vector()[None])
    level, above = (camera(elevation=e).project(figure.joints[0])[0] for e in (0.0, 35.0))
    assert np.ptp(above[:, 1]) < 0.9 * np.ptp(level[:, 1])


def test_a_nearer_person_is_larger_in_the_image():
    ends = np.array([[[-0.5, 1, 0], [0.5, 1, 0]], [[-0.5, 1, 1], [0.5, 1, 1]]])
    far, near = np.ptp(camera().project(ends)[0][..., 0], axis=1)
    assert near > 1.2 * far


# Generation


@pytest.fixture(scope="module")
def clips() -> list[KeypointSequence]:
    return list(generate(SyntheticSpec(subjects=8, repetitions=1, seed=3)))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(clips: list[KeypointSequence]):
    assert digest(list(generate(SyntheticSpec(subjects=8, repetitions=1, seed=3)))) == digest(clips)
    assert digest(list(generate(SyntheticSpec(subjects=8, repetitions=1, seed=4)))) != digest(clips)


def test_a_sequence_does_not_depend_on_how_many_others_are_made(clips: list[KeypointSequence]):
    others = generate(SyntheticSpec(subjects=3, repetitions=2, sessions=1, seed=3))
    wanted = {clip.sequence_id: clip for clip in clips[:16]}
    found = [sequence for sequence in others if sequence.sequence_id in wanted]
    assert len(found) == 16
    for sequence in found:
        np.testing.assert_array_equal(sequence.keypoints, wanted[sequence.sequence_id].keypoints)


def test_generation_is_a_stream():
    endless = generate(SyntheticSpec(subjects=10_000, repetitions=1000))
    assert next(endless).label == LABELS[0]


def test_clips_are_complete_records(clips: list[KeypointSequence]):
    assert len(clips) == 8 * 8
    assert {clip.label for clip in clips} == set(LABELS)
    assert len({clip.sequence_id for clip in clips}) == len(clips)
    for clip in clips:
        assert clip.keypoints.dtype == np.float32
        assert clip.keypoints.shape[1:] == (17, 3)
        assert clip.layout == "coco17"
        assert clip.view in {"front", "left_oblique", "right_oblique", "side"}
        assert 0 < clip.quality <= 1
        assert clip.repetitions in (1.0, 2.0)
        assert 1 < len(clip.keypoints) / clip.fps < 90
        assert (clip.keypoints[clip.keypoints[..., 2] == 0] == 0).all()


def test_people_and_faults_differ(clips: list[KeypointSequence]):
    qualities = [clip.quality for clip in clips]
    assert min(qualities) < 0.8
    assert max(qualities) == 1.0
    assert len({clip.view for clip in clips}) == 4
    heights = [invent_person("p", np.random.default_rng(seed)).body.height for seed in range(30)]
    assert np.ptp(heights) > 0.2


def test_splits_are_by_person_and_all_there(clips: list[KeypointSequence]):
    split_of: dict[str, set[str | None]] = {}
    for clip in clips:
        split_of.setdefault(clip.subject, set()).add(clip.split)
    assert all(len(splits) == 1 for splits in split_of.values())
    assert {split for splits in split_of.values() for split in splits} == {"train", "eval", "test"}


def test_other_seeds_are_other_people():
    first, second = (next(generate(SyntheticSpec(subjects=1, repetitions=1, seed=seed))) for seed in (0, 1))
    assert first.subject != second.subject


def test_estimators_err_as_estimators_do(clips: list[KeypointSequence]):
    confidence = np.concatenate([clip.keypoints[..., 2] for clip in clips])
    missing = confidence == 0
    assert 0.002 < missing.mean() < 0.08
    assert 0.5 < confidence[~missing].mean() < 0.9
    assert confidence[~missing].std() > 0.05
    side = np.concatenate([clip.keypoints[..., 2] for clip in clips if clip.view == "side"])
    front = np.concatenate([clip.keypoints[..., 2] for clip in clips if clip.view == "front"])
    ears = [COCO.index("left_ear"), COCO.index("right_ear")]
    assert side[:, ears].min(axis=1).mean() < front[:, ears].min(axis=1).mean() - 0.1


def test_without_noise_every_joint_is_seen_and_moves_smoothly():
    for clip in generate(SyntheticSpec(subjects=1, repetitions=1, noise=0, fps=30, seed=5)):
        inside = clip.keypoints[..., 2] > 0
        assert inside.mean() > 0.97
        jumps = np.abs(np.diff(clip.keypoints[..., :2], axis=0))[inside[1:] & inside[:-1]]
        assert np.percentile(jumps, 99.9) < 0.05


def test_frame_rate_changes_the_frames_and_not_the_time():
    slow, fast = (
        next(generate(SyntheticSpec(subjects=1, repetitions=1, fps=fps, noise=0, cycles=(1, 1)))) for fps in (15, 30)
    )
    assert len(fast.keypoints) / len(slow.keypoints) == pytest.approx(2, rel=0.05)


def test_sessions_hold_the_whole_form_with_rests_between():
    sessions = list(generate(SyntheticSpec(subjects=4, repetitions=0, sessions=2)))
    assert [session.split for session in sessions] == ["train", "test"]
    for session in sessions:
        assert session.label == SESSION_LABEL
        assert tuple(segment.label for segment in session.segments) == LABELS
        ends = [0, *(segment.end_frame for segment in session.segments)]
        starts = [*(segment.start_frame for segment in session.segments), len(session.keypoints)]
        assert all(start - end >= 1.4 * session.fps for end, start in zip(ends, starts, strict=True))
        for segment in session.segments:
            assert segment.repetitions >= 2
            assert segment.repetitions % 2 == 0 or segment.label not in SIDED
            seconds = (segment.end_frame - segment.start_frame) / session.fps
            assert seconds / segment.repetitions > 1.5


def test_repetitions_of_the_toes_are_as_many_as_the_body_rises():
    spec = SyntheticSpec(subjects=6, repetitions=1, cycles=(3, 5), noise=0, seed=2)
    for clip in generate(spec):
        if clip.label == "bounce_on_the_toes":
            height = -clip.keypoints[:, [11, 12], 1].mean(axis=1)
            raised = height > 0.5 * (np.percentile(height, 3) + np.percentile(height, 97))
            rises = int((np.diff(raised.astype(int)) == 1).sum()) + int(raised[0])
            assert abs(rises - clip.repetitions) <= 1


def test_other_layouts_are_derived():
    spec = SyntheticSpec(subjects=1, repetitions=1, layout="openpose25")
    clip = next(generate(spec))
    layout = load_layout("openpose25")
    assert clip.keypoints.shape[1] == 25
    seen = clip.keypoints[..., 2] > 0
    assert seen[:, layout.index("neck")].any()
    assert not seen[:, layout.index("left_big_toe")].any()


@pytest.mark.parametrize(
    "wrong", [{"subjects": 0}, {"fps": 0}, {"noise": -1}, {"cycles": (2, 1)}, {"cycles": (0, 1)}, {"speed": 1}]
)
def test_impossible_specifications_are_rejected(wrong: dict):
    with pytest.raises(ValidationError):
        SyntheticSpec(**wrong)


@pytest.mark.parametrize("layout", ["kinect20", "coco18"])
def test_layouts_that_are_not_of_images_or_unknown_are_an_input_error(layout: str):
    with pytest.raises(InputError, match=layout):
        SyntheticSpec(layout=layout)


# The bundled sample


@pytest.fixture(scope="module")
def sample() -> list[KeypointSequence]:
    return list(read_sequences(SAMPLE_FOLDER / "span-1"))


@pytest.mark.parametrize(("folder", "spec"), [("", CLIPS), ("sessions", SESSIONS)])
def test_the_bundled_sample_is_what_the_generator_makes(folder: str, spec: SyntheticSpec):
    bundled = list(read_sequences(SAMPLE_FOLDER / folder / "span-1"))
    for one, other in zip(bundled, generate(spec), strict=True):
        assert one.sequence_id == other.sequence_id
        assert one.keypoints.shape == other.keypoints.shape
        # Equal but for a coordinate that another processor's sine rounds to the neighbouring point of the grid.
        assert (one.keypoints == other.keypoints).mean() > 0.9999
        assert one.segments == other.segments
        for name in ("subject", "label", "fps", "layout", "repetitions", "quality", "view", "split", "source"):
            assert getattr(one, name) == getattr(other, name)


def test_the_sample_is_small_and_its_sessions_are_not_among_the_training_data():
    files = list(SAMPLE_FOLDER.rglob("*.parquet"))
    assert sum(file.stat().st_size for file in files) <= 5_000_000
    assert list_spans(SAMPLE_FOLDER) == [1]
    assert list_spans(SAMPLE_FOLDER / "sessions") == [1]


def test_write_sample_does_not_overwrite():
    with pytest.raises(InputError, match="exists"):
        write_sample(SAMPLE_FOLDER)


def poses(sequence: KeypointSequence) -> np.ndarray:
    """Return 24 poses of a clip, float32 `[24, 17, 2]`, centred at the hips, in torso lengths; missing joints are 0."""
    window = next(cut_windows(sequence, WindowSpec(length=24, fit="stretch"))).keypoints
    places, seen = window[..., :2], window[..., 2:] > 0.1
    root = places[:, 11:13].mean(axis=1, keepdims=True)
    torso = np.median(np.linalg.norm(places[:, 5:7].mean(axis=1) - root[:, 0], axis=-1))
    return np.clip(np.where(seen, (places - root) / torso, 0), -3, 3)


class Neighbours:
    """Return a classifier by the majority of the five nearest training clips of the sample."""

    def __init__(self, sample: list[KeypointSequence]) -> None:
        train = [clip for clip in sample if clip.split != "test"]
        self.poses = np.array([poses(clip) for clip in train])
        self.labels = np.array([LABELS.index(clip.label) for clip in train])

    def __call__(self, clips: list[KeypointSequence], joints: slice = slice(None)) -> np.ndarray:
        known = self.poses[:, :, joints].reshape(len(self.poses), -1)
        asked = np.array([poses(clip)[:, joints].ravel() for clip in clips])
        distance = (asked**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * asked @ known.T
        nearest = self.labels[np.argsort(distance, axis=1)[:, :5]]
        return np.array([np.bincount(votes, minlength=8).argmax() for votes in nearest])


def test_movements_can_be_distinguished_but_not_by_one_joint(sample: list[KeypointSequence]):
    test = [clip for clip in sample if clip.split == "test"]
    truth = np.array([LABELS.index(clip.label) for clip in test])
    classify = Neighbours(sample)
    assert (classify(test) == truth).mean() > 0.7
    for joint in range(17):
        assert (classify(test, slice(joint, joint + 1)) == truth).mean() < 0.8


def test_a_real_performer_is_recognised_from_synthetic_examples(sample: list[KeypointSequence]):
    path = DATASETS / "baduanjin" / "baduanjin_coco17.npz"
    if not path.exists():
        pytest.skip(f"real keypoint sequences are not here: {path}")
    with np.load(path, allow_pickle=False) as arrays:
        frames, offsets = arrays["frames"], arrays["offsets"]
    real = [
        KeypointSequence(label, "A", label, 30.0, "coco17", frames[start:end])
        for label, start, end in zip(LABELS, offsets, offsets[1:], strict=False)
    ]
    assert (Neighbours(sample)(real) == np.arange(8)).sum() >= 7


def test_the_picture_of_the_documentation_is_up_to_date():
    assert (ROOT / "docs" / "images" / "baduanjin.svg").read_text(encoding="utf-8") == draw()
