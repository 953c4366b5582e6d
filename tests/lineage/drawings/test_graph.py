"""The content of drawings, and that hostile names have no effect in them."""

import json
import re
import time
import xml.etree.ElementTree as ET

import pydot
import pytest

from lineage.drawings.dot_mermaid import as_dot, as_mermaid
from lineage.drawings.drawing import draw_around, draw_run
from lineage.drawings.graph_page import as_page
from lineage.drawings.graph_svg import as_svg
from lineage.model import Artifact, Edge, Execution, Run, Subgraph
from tests.lineage.browser import DESKTOP, PHONE, opened

SVG = "{http://www.w3.org/2000/svg}"
EVIL = (
    '</script><script>window.owned = 1</script><img src=x onerror="window.owned = 1">'
    "'`;$(touch /tmp/owned)\\\n"
    '"] ; evil [label="x\u202e\x1b[31m<b>&amp; --> x:::y click e1 "javascript:window.owned=1"'
)
sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def evil_graph():
    run = Run(1, EVIL, EVIL, 1e9, {"git_commit": EVIL})
    executions = {
        1: Execution(1, EVIL, EVIL, "COMPLETE", EVIL, 1e9, 1e9 + 5, {EVIL: EVIL, "custom": json.dumps({EVIL: [EVIL]})}),
        2: Execution(2, "type", "Failed", "FAILED", EVIL, 1e9, 1e9 + 5, {}),
        3: Execution(3, "type", "New state", "<i>", EVIL, 1e9, 1e9 + 5, {}),
    }
    artifacts = {
        1: Artifact(1, EVIL, f"/tmp/{EVIL}", EVIL, "LIVE", 1e9, {"bytes": 5, EVIL: EVIL}),
        2: Artifact(2, "Model", "/gone", "", "DELETED", 1e9, {}),
    }
    edges = [Edge(1, 1, "output", EVIL), Edge(2, 1, "input", EVIL), Edge(3, 2, "input", "model")]
    return Subgraph(artifacts, executions, {EVIL: run}, edges), run


def large_graph(runs=40):
    """Return the graph of forty runs that share their data, about 1,000 boxes."""
    graph = Subgraph(runs={"r": Run(1, "r", "p", 1e9)})
    graph.artifacts[1] = Artifact(1, "Examples", "/1", "", "LIVE", 1e9)
    for run in range(runs):
        first = 2 + run * 12
        for number in range(12):
            id_ = first + number
            state = ("COMPLETE", "CACHED", "FAILED")[id_ % 3]
            properties = {"git_commit": "0" * 40, "custom_config": json.dumps({"training": {"epochs": number}})}
            graph.executions[id_] = Execution(id_, "t", f"Node{number}", state, "r", 1e9, 1e9 + id_, properties)
            graph.artifacts[id_] = Artifact(id_, "Model", f"/{id_}", "", "LIVE", 1e9, {"bytes": id_ * 1000})
            graph.edges.append(Edge(id_, id_, "output", "model"))
            graph.edges.append(Edge(id_, id_ - 1 if number else 1, "input", "data"))
            if number > 3:
                graph.edges.append(Edge(id_, id_ - 4, "input", "more"))
    return graph


@sqlite
def test_a_run_is_drawn_with_every_attempt_input_and_output(recorded):
    store = recorded.store()
    for entry in recorded.log:
        if entry["run"] is None:
            continue
        run = store.run(entry["run"])
        graph = store.run_subgraph(run)
        drawing = draw_run(graph, run)
        own = {e.id for e in graph.executions.values() if e.run == run.name}
        assert {key for key in drawing.boxes if key[0] == "e"} == {f"e{id_}" for id_ in own}
        assert len(drawing.lines) == sum(edge.execution_id in own for edge in graph.edges)
        cached = [box for box in drawing.boxes.values() if box.state == "CACHED"]
        assert all("taken from" in box.details and "↺ cached" in box.subtitle for box in cached)
        assert len(cached) == sum(graph.executions[id_].state == "CACHED" for id_ in own)


@sqlite
@pytest.mark.parametrize("ending", ["html", "svg", "dot", "mmd"])
def test_the_command_draws_runs_and_artifacts_in_every_form(recorded, tmp_path, ending):
    run = recorded.runs_named("first")[0]
    recorded.ask("graph", run, "--to", str(tmp_path / f"run.{ending}"))
    text = (tmp_path / f"run.{ending}").read_text()
    assert all(node in text for node in ("Reader", "Trainer", "Evaluator", "Pusher", "pushed_model"))
    [model] = recorded.store().run_subgraph(run).of_type("Model")
    for direction, there, absent in (("back", "Reader", "Pusher"), ("forward", "Pusher", "Reader")):
        recorded.ask("graph", str(model.id), "--to", str(tmp_path / f"a.{ending}"), "--direction", direction)
        text = (tmp_path / f"a.{ending}").read_text()
        assert there in text
        assert absent not in text


@sqlite
def test_wrong_use_is_reported_and_writes_nothing(recorded, tmp_path):
    assert ".svg" in recorded.ask("graph", "latest", "--to", str(tmp_path / "x.png"), expect=2).text
    assert "no run" in recorded.ask("graph", "no-such-run", "--to", str(tmp_path / "x.svg"), expect=2).text
    assert "no artifact" in recorded.ask("graph", "99999", "--to", str(tmp_path / "x.svg"), expect=2).text
    assert not list(tmp_path.iterdir())


@sqlite
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_run_opens_offline_and_shows_details_on_a_click(chromium, recorded, tmp_path, viewport):
    recorded.ask("graph", recorded.runs_named("first")[0], "--to", str(tmp_path / "run.html"))
    with opened(chromium, tmp_path / "run.html", viewport, "dark") as seen:
        page = seen.page
        box = page.locator(".box", has_text="Trainer")
        box.click()
        details = page.locator("#details").inner_text()
        assert "Trainer" in details
        assert '"seed": 0' in details
        assert "git_commit" in details
        assert page.locator(".near").count() == 2
        page.locator("#search").fill("pushed_model")
        assert page.locator(".box.found").count() == 1
        page.locator("#search").press("Enter")
        assert "content_digest" in page.locator("#details").inner_text()
        page.locator("#search").fill("")
        page.locator(".box", has_text="SessionEvaluator").focus()
        page.keyboard.press("Enter")
        assert "SessionEvaluator" in page.locator("#details h2").inner_text()
        # Legible without doing anything, and nothing sticks out of the page.
        assert page.evaluate("document.querySelector('.box .name').getBoundingClientRect().height") > 8
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        seen.assert_no_problems()


def test_a_thousand_boxes_open_move_and_answer(chromium, tmp_path):
    graph = large_graph()
    began = time.perf_counter()
    (tmp_path / "large.html").write_text(as_page(draw_around(graph, graph.artifacts[1])))
    assert time.perf_counter() - began < 20, "a drawing of a thousand boxes takes seconds"
    with opened(chromium, tmp_path / "large.html") as seen:
        page = seen.page
        assert page.locator(".box").count() == 961
        view = "document.querySelector('#canvas svg.lineage').viewBox.baseVal"
        page.locator("#fit").click()
        width = page.evaluate(f"{view}.width")
        page.mouse.move(400, 400)
        page.mouse.wheel(0, -400)
        page.wait_for_function(f"{view}.width < {width}")
        left = page.evaluate(f"{view}.x")
        page.mouse.down()
        page.mouse.move(300, 380, steps=3)
        page.mouse.up()
        page.wait_for_function(f"{view}.x > {left}")
        page.locator("#search").fill("#250")
        page.locator("#search").press("Enter")
        assert "250" in page.locator("#details").inner_text()
        page.locator(".box.found").first.click()
        seen.assert_no_problems()


def test_hostile_names_have_no_effect_in_a_page(chromium, tmp_path):
    graph, run = evil_graph()
    (tmp_path / "evil.html").write_text(as_page(draw_run(graph, run)))
    with opened(chromium, tmp_path / "evil.html") as seen:
        for key in ("e1", "a1", "e2"):
            seen.page.locator(f"[data-key={key}]").click()
        seen.page.locator("[data-key=e1]").click()
        assert "<script>window.owned = 1</script>" in seen.page.locator("#details").inner_text()
        assert seen.page.evaluate("window.owned") is None
        assert seen.page.locator("img").count() == 0
        seen.assert_no_problems()


def test_hostile_names_have_no_effect_in_svg():
    graph, run = evil_graph()
    tree = ET.fromstring(as_svg(draw_run(graph, run)))
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} <= {
        "svg",
        "title",
        "style",
        "g",
        "path",
        "rect",
        "text",
    }
    assert len(tree.findall(f".//{SVG}g[@data-key]")) == 5
    assert not [name for element in tree.iter() for name in element.attrib if name.startswith("on") or "href" in name]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", as_svg(draw_run(graph, run)))


def test_hostile_names_have_no_effect_in_dot():
    graph, run = evil_graph()
    [parsed] = pydot.graph_from_dot_data(as_dot(draw_run(graph, run)))
    names = {node.get_name() for node in parsed.get_nodes()} - {"node", "edge", "graph", '"\\n"'}
    assert names == {"e1", "e2", "e3", "a1", "a2"}
    assert len(parsed.get_edges()) == 3
    [first] = parsed.get_node("e1")
    assert first.get("URL") is None
    assert "touch" in first.get("label")


def test_hostile_names_have_no_effect_in_mermaid():
    graph, run = evil_graph()
    lines = as_mermaid(draw_run(graph, run)).splitlines()
    # Between the quotes are only letters, harmless signs and entity codes.
    label = r"\"(?:[\w .,\-·…]|#\d+;)*<br/>(?:[\w .,\-·…]|#\d+;)*\""
    shapes = [
        r"flowchart TD",
        rf"  e\d+\[{label}\](:::\w+)?",
        rf"  a\d+\(\[{label}\]\):::\w+",
        r"  [ea]\d+ --> [ea]\d+",
        r"  classDef \w+ [\w:#,\- ]+",
    ]
    for line in lines:
        assert any(re.fullmatch(shape, line) for shape in shapes), line
