"""The audit report and the plot of a history."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lineage.drawings import audit_report, history_plot
from lineage.questions.blame import Blame, Point
from tests.lineage.browser import DESKTOP, PHONE, opened
from tests.lineage.drawings.test_graph import EVIL

sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def written(recorded, tmp_path, what="first"):
    recorded.ask("report", recorded.runs_named(what)[0], "--to", str(tmp_path / "report.html"))
    return tmp_path / "report.html"


def rows_of(page, heading):
    """Return the cells of the first table under a heading."""
    table = page.locator("section", has=page.locator("h2", has_text=heading)).locator("table").first
    return [row.locator("td, th").all_inner_texts() for row in table.locator("tr").all()]


@sqlite
@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_the_report_shows_outcome_gates_data_and_lineage(chromium, recorded, tmp_path, viewport, scheme):
    with opened(chromium, written(recorded, tmp_path), viewport, scheme) as seen:
        page = seen.page
        assert "Shipped as version 1 to tiny" in page.locator("header").inner_text()
        run = recorded.store().run(recorded.runs_named("first")[0])
        assert run.properties["git_commit"] in page.locator("header").inner_text()
        gates = rows_of(page, "Gates")
        assert ["accuracy", "Evaluator", "0.6", "at least 0.5", "✓ passed"] in gates
        assert [row[0] for row in gates] == [
            *("Gate", "data", "accuracy", "max bytes", "max latency p95 ms", "min count exact", "min edit")
        ]
        assert gates[-1][1:] == ["SessionEvaluator", "–", "at least 0.5", "not measured"]
        assert rows_of(page, "Data")[1:] == [
            ["train", "4", "12", "2"],
            ["eval", "4", "12", "2"],
            ["test", "4", "12", "2"],
        ]
        assert page.locator(".lineage .box").count() == 28
        assert "Signature" in page.locator("section", has_text="Approval").last.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "sticks out sideways"
        seen.assert_no_problems()


@sqlite
def test_people_are_counted_and_not_named(recorded, tmp_path):
    text = written(recorded, tmp_path).read_text()
    assert "person 0" not in text
    assert "s0-1" not in text
    assert "6 people" in text


@sqlite
def test_it_prints_on_a4(chromium, recorded, tmp_path):
    with opened(chromium, written(recorded, tmp_path)) as seen:
        pdf = seen.page.pdf(prefer_css_page_size=True)
        seen.page.emulate_media(media="print", color_scheme="dark")
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert b"/MediaBox [0 0 594.95996 841.91998]" in pdf or b"/MediaBox [0 0 595 842]" in pdf
        seen.assert_no_problems()


@sqlite
@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("not blessed", "Not shipped: rejected by Evaluator"),
        ("new data", "Failed at DataGate"),
        ("unchanged", "execution 1 of tiny-"),
    ],
)
def test_runs_that_shipped_nothing_have_a_report(chromium, recorded, tmp_path, what, text):
    with opened(chromium, written(recorded, tmp_path, what)) as seen:
        assert text in seen.page.locator("body").inner_text()
        seen.assert_no_problems()


@sqlite
def test_the_report_names_altered_and_missing_files(chromium, recorded, tmp_path):
    store = recorded.store()
    made = store.run_subgraph(recorded.runs_named("first")[0])
    folders = {artifact.type: Path(artifact.uri) for artifact in made.of_type("PoselineEdgeModel", "ModelEvaluation")}
    file, kept = folders["PoselineEdgeModel"] / "model_int8.tflite", recorded.root / "kept"
    before = file.read_bytes()
    file.write_bytes(b"another model")
    folders["ModelEvaluation"].rename(kept)
    try:
        with opened(chromium, written(recorded, tmp_path)) as seen:
            head, whole = seen.page.locator("header").inner_text(), seen.page.locator("body").inner_text()
            assert "2 files are not as recorded" in head
            assert "(ModelEvaluation) cannot be read" in head
            assert f"altered {folders['PoselineEdgeModel']}/model_int8.tflite" in whole
            assert f"missing {folders['ModelEvaluation']}" in whole
            seen.assert_no_problems()
    finally:
        file.write_bytes(before)
        kept.rename(folders["ModelEvaluation"])


@sqlite
def test_the_report_shows_the_confusion_matrix_and_intervals(chromium, recorded, tmp_path):
    """The evaluation has intervals, a confusion matrix and a hostile name."""
    found = recorded.store().run_subgraph(recorded.runs_named("first")[0])
    [evaluation] = found.of_type("ModelEvaluation")
    file = Path(evaluation.uri) / "metrics.json"
    before = file.read_text()
    bounded = {"value": 0.75, "lower": 0.5, "upper": 1.01}
    cells = [{"actual": 0, "predicted": 0, "count": 6}, {"actual": 1, "predicted": 0, "count": 2}]
    slices = [
        {"slice": {}, "metrics": {"accuracy": bounded, "example_count": 8.0, "macro_f1": None}, "confusion": cells},
        {"slice": {"subject": "Mrs Somebody"}, "metrics": {"accuracy": bounded, "example_count": 3.0}},
        {"slice": {"view": EVIL}, "metrics": {"accuracy": 0.25, "example_count": 5.0}},
    ]
    verdicts = [{"gate": EVIL, "figure": 0.75, "threshold": 0.9, "unit": EVIL, "passed": False}]
    file.write_text(json.dumps({"slices": slices, "verdicts": verdicts}))
    try:
        path = written(recorded, tmp_path)
        assert "Somebody" not in path.read_text()
        with opened(chromium, path) as seen:
            body = seen.page.locator("body").inner_text()
            assert "0.500–1.010" in body
            assert "person 1" in body
            assert "✗ rejected" in body
            matrix = rows_of(seen.page, "Confusion")
            assert matrix[0] == ["", "1", "2", "recall"]
            assert matrix[1:] == [["1 class 0", "6", "", "1.00"], ["2 class 1", "2", "", "0.00"]]
            assert seen.page.evaluate("window.owned") is None
            assert seen.page.locator("img").count() == 0
            seen.assert_no_problems()
    finally:
        file.write_text(before)


def history():
    points = [
        Point(EVIL, 1e9, 0.5, None, None),
        Point("b", 1e9 + 60, 0.75, 0.25, EVIL),
        Point("c", 1e9 + 120, 0.75, 0.0, None),
    ]
    return Blame(EVIL, points)


def test_a_history_is_drawn(chromium, tmp_path):
    tree = ET.fromstring(history_plot.draw_history(history(), ".svg"))
    points = [(float(c.get("cx")), float(c.get("cy"))) for c in tree.iter("{http://www.w3.org/2000/svg}circle")]
    assert [x for x, _ in points] == sorted({x for x, _ in points})
    assert points[0][1] > points[1][1] == points[2][1], "more is higher"
    (tmp_path / "history.html").write_text(history_plot.draw_history(history(), ".html"))
    with opened(chromium, tmp_path / "history.html") as seen:
        assert seen.page.locator("tbody tr").count() == 3
        assert "<b>" in seen.page.locator("tbody").inner_text()
        assert seen.page.evaluate("window.owned") is None
        seen.assert_no_problems()


@pytest.mark.parametrize("values", [[], [0.0], [3.0, 3.0]])
def test_a_history_without_movement_is_drawn_too(values):
    answer = Blame("accuracy", [Point("r", 0.0, value, None, None) for value in values])
    tree = ET.fromstring(history_plot.draw_history(answer, ".svg"))
    assert len(list(tree.iter("{http://www.w3.org/2000/svg}circle"))) == len(values)


def test_lists_of_people_in_parameters_are_counted():
    assert audit_report._without_names({"split": {"subjects": {"test": ["Anna", "Berta"]}}}) == {
        "split": {"subjects": {"test": 2}}
    }


@sqlite
def test_blame_draws_the_history_that_it_prints(recorded, tmp_path):
    history = recorded.ask("blame", "accuracy", "--to", str(tmp_path / "accuracy.svg"), "--json").json["history"]
    tree = ET.fromstring((tmp_path / "accuracy.svg").read_text())
    titles = [title.text for title in tree.iter("{http://www.w3.org/2000/svg}title")][1:]
    assert [title.partition(":")[0] for title in titles] == [entry["run"] for entry in history]
    assert any("parameters" in title for title in titles)
    assert "cannot be drawn as" in recorded.ask("blame", "accuracy", "--to", str(tmp_path / "x.png"), expect=2).text
