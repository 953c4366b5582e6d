import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from data.health import FIGURES
from data.layouts import load_layout
from data.quarantine import Quarantined, QuarantineWriter, quarantine_folder, sample_poses
from data.records import KeypointSequence, Segment
from data.report import write_report
from data.report.collect import SHOWN_FRAMES, collect
from data.report.compare import compare, jensen_shannon
from data.report.draw import histogram, moving
from data.report.page import render
from data.store import write_span
from data.synthetic import SyntheticSpec, generate

COCO = load_layout("coco17")
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


@pytest.fixture(scope="module")
def people():
    return list(generate(SyntheticSpec(subjects=3, repetitions=1, seed=5)))


@pytest.fixture(scope="module")
def folder(people, tmp_path_factory):
    """Return three spans: valid clips, clips with a frozen wrist and names with markup, and a session."""
    folder = tmp_path_factory.mktemp("data")
    write_span(folder, 1, people)
    bad = []
    for number, sequence in enumerate(people):
        keypoints = sequence.keypoints.copy()
        keypoints[:, 9] = [0.1, 0.1, 0.9]
        keypoints[:, 3] = 0
        name = f"{HOSTILE}{number}"
        bad.append(
            KeypointSequence(name, f"p{number}", f"{HOSTILE}{number % 2}", 15.0, "coco17", keypoints, view="\u202elive")
        )
    write_span(folder, 2, bad)
    writer = QuarantineWriter(quarantine_folder(folder / "span-2"))
    for number in range(40):
        poses = sample_poses(people[0].keypoints) if number % 2 else None
        writer.add(Quarantined("/some/where/a.json", number, HOSTILE, f"reason {number % 3}", HOSTILE, "coco17", poses))
    writer.add(Quarantined("b.json", 0, "odd", "not of this shape", "", "coco17", [[[1.0, 2.0]]]))
    writer.add(Quarantined("b.json", 1, "nan", "no number", "", "coco17", [[[None, None, None]] * 17] * 3))
    writer.finish({})
    keypoints = people[0].keypoints
    segments = (Segment(0, 20, "wave"), Segment(20, 40, "clap"))
    write_span(folder, 3, [KeypointSequence("s", "p", "session", 15.0, "coco17", keypoints, segments=segments)])
    return folder


def test_everything_is_counted(folder, people):
    picture = collect(folder / "span-1", shown=5)
    assert picture.clips == len(people) == picture.description.sequences
    assert sum(picture.words["sides"].values()) == picture.clips
    assert picture.figures.keys() == set(FIGURES) - {"centre_z", "window_fill"}
    only = [s for s in people if s.label == "lift_the_sky"]
    frames = np.concatenate([s.keypoints[..., 2] for s in only])
    np.testing.assert_allclose(picture.missing["lift_the_sky"], (frames == 0).mean(axis=0))
    seen = np.concatenate([s.keypoints[..., 2] for s in people])
    np.testing.assert_allclose(picture.confidence, seen.sum(axis=0) / (seen > 0).sum(axis=0), rtol=1e-5)
    assert len(picture.random) == 5
    assert all(shown.keypoints.shape == (SHOWN_FRAMES, 17, 3) for shown in picture.random)


def test_what_is_shown_is_the_same_each_time_and_the_worst_is_the_worst(folder):
    once, twice = (collect(folder / "span-2", shown=4) for _ in range(2))
    assert [s.name for s in once.random] == [s.name for s in twice.random]
    assert all(shown.joint == "left_wrist" for shown in once.worst)
    assert once.worst[0].faults[0] == "left_wrist frozen"
    assert collect(folder / "span-1").worst == []


def test_actions_of_a_session_are_clips(folder):
    picture = collect(folder / "span-3", shown=3)
    assert (picture.clips, picture.description.sequences) == (2, 1)
    assert picture.missing.keys() == {"wave", "clap"}
    assert "Actions in sessions" in render(folder / "span-3")


def test_divergence():
    rng = np.random.default_rng(0)
    assert jensen_shannon(np.arange(10.0), np.arange(10.0)) == 0
    assert jensen_shannon(np.zeros(5), np.ones(7)) == 1
    assert jensen_shannon(np.ones(5), np.ones(7)) == 0
    assert 0 < jensen_shannon(rng.normal(0, 1, 5000), rng.normal(0.5, 1, 5000)) < 0.1


def test_differences_name_what_changed(folder):
    here, there = collect(folder / "span-2"), collect(folder / "span-1")
    differences = {difference.feature: difference for difference in compare(here, there)}
    assert differences["broken_joint"].distance == 1
    assert differences["broken_joint"].here == "left_wrist frozen 100.0%"
    assert differences["class"].distance == pytest.approx(0.5)
    assert differences["fps"].distance == 0
    distances = [difference.distance for difference in compare(here, there)]
    assert distances == sorted(distances, reverse=True)


def test_drawing_keeps_people_upright_and_leaves_out_what_is_missing(people):
    keypoints = people[0].keypoints[:6].copy()
    keypoints[2, COCO.index("left_knee"), 2] = 0
    drawing = moving(keypoints, COCO, 2.0, "nose")
    assert {side: colour for side, colour, _ in drawing.paths} == COCO.colours
    left = next(frames for side, _, frames in drawing.paths if side == "left")
    assert len(left) == 6
    assert left[2].count("M") == left[1].count("M") - 2
    feet, nose = float(re.findall(r"[ML](\d+) (\d+)", left[0])[-1][1]), float(drawing.dots[1][0])
    assert nose < feet, "up is up"
    assert all(-100 <= float(n) <= 200 for frame in left for n in re.findall(r"-?\d+", frame))


def test_histograms_hold_everybody():
    bars = histogram(np.r_[np.zeros(90), np.full(10, 5.0)], np.full(7, 5.0))
    assert bars.bars[0][1] == pytest.approx(90)
    assert bars.bars[-1][1] == pytest.approx(10)
    assert bars.outline.endswith("0.0H100.0")
    alike = histogram(np.full(3, 2.0))
    assert (alike.low, alike.high, max(height for _, height in alike.bars)) == (2, 2, pytest.approx(100))


class Tags(HTMLParser):
    """A parser that collects every tag with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    target = tmp_path_factory.mktemp("page") / "report.html"
    write_report(folder / "span-2", target, folder / "span-1")
    return target


def test_hostile_names_are_shown_and_nothing_else(page):
    text = page.read_text()
    tags = Tags(text).found
    assert [tag for tag, _ in tags].count("script") == 1
    assert not [tag for tag, attributes in tags if tag == "img" or any(name.startswith("on") for name in attributes)]
    assert "&lt;script&gt;alert(1)" in text
    assert "\u202e" not in text
    assert "/some/where" not in text, "folders of the machine that imported are nobody's business"


def test_the_page_needs_nothing_else(page):
    text = page.read_text()
    links = [
        value for _, attributes in Tags(text).found for name, value in attributes.items() if name in ("src", "href")
    ]
    assert links == ["data:,"]
    assert "url(" not in text
    assert "@import" not in text
    assert len(text) < 1_000_000


def test_quarantined_records_are_there_by_reason(page):
    text = page.read_text()
    for reason, count in (("reason 0", 14), ("reason 1", 13), ("reason 2", 13), ("not of this shape", 1)):
        assert re.search(rf"<td>{count}</td><td><bdi>{reason}</bdi>", text), reason
    cards = text.split("Quarantined by the import")[1]
    assert cards.count("<figure") == 12
    assert "not of this shape" in cards.split("</table>")[1], "every reason has a card before any has two"


def test_many_classes_and_long_names_stay_bounded(tmp_path, people):
    keypoints = people[0].keypoints[:4]
    write_span(
        tmp_path,
        1,
        (KeypointSequence(f"{n}", f"{n}" + "x" * 900, f"class {n}", 15.0, "coco17", keypoints) for n in range(300)),
    )
    text = render(tmp_path / "span-1")
    assert "and 240 more" in text
    assert "240 more are left out" in text
    assert "x" * 100 not in text
    assert len(text) < 1_000_000


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed (tools/services.sh does)")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_browser_shows_it_without_network_or_complaint(page, width, scheme):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        complaints, asked = [], []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(page.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
        assert tab.locator("svg.person").count() >= 24
        assert tab.evaluate("document.querySelector('svg.person').animationsPaused()") is False
        tab.click("#motion")
        assert tab.evaluate("document.querySelector('svg.person').animationsPaused()") is True
        paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(250, 249, 246)" if scheme == "light" else "rgb(20, 25, 29)")
        browser.close()
    assert complaints == []
    assert asked in ([page.as_uri()], [page.as_uri(), "data:,"])
