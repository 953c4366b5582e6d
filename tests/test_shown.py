"""One name that tries everything, sent through every output that people look at."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pydot
import pytest
import yaml
from click.testing import CliRunner

from data import describe
from data.errors import InputError
from data.importers.clips.types import ImportOptions
from data.importers.formats.registry import FORMATS
from data.layouts import load_layout
from data.output.progress import say_progress
from data.output.terminal import Terminal
from data.records import KeypointSequence, Segment
from data.report import write_report
from data.store import read_sequences, write_span
from data.text import one_spelling
from payloads.evaluation import Evaluation, Slice
from payloads.push import PushRecord
from payloads.sequences import SequenceRow, write_sequences
from payloads.verdict import Verdict
from pipelines.cli.failure_report import report_failure
from pipelines.cli.main import main
from pipelines.cli.run_display import summary
from pipelines.cli.run_display.progress import LineProgress, make_progress
from pipelines.processes.log_tail import following
from pipelines.running.forecast import Forecast
from pipelines.running.node_launch import NodeResult
from pipelines.running.outcome import Report
from pipelines.schema_proposal import Change, Proposal
from pipelines.schema_proposal import show as show_proposal
from serving_targets.evaluate import ClassScore, Latency
from serving_targets.evaluate import Evaluation as BundleEvaluation
from serving_targets.evaluate import show as show_evaluation
from tests.lineage.browser import chromium, opened  # noqa: F401
from tests.lineage.conftest import record

ORDINARY = "é é हिन्दी क्‍ष می‌خواهم 👩‍🚀 山田"
"""Text that has to stay as it is: combining marks, joiners where they belong, any script."""

WORDS = (
    f"=cmd|' /C calc'!A1 [/red][bold]:boom:{ORDINARY} \u202egpj.\u2066\u200b\u3164\ufeff "
    "<script>window.owned=1</script><img src=x onerror=window.owned=1>&#27;&lt;b&gt; "
    '\'`$(touch owned)\\ %s {0} {{7*7}} "]; x [label=y] --> z|end| click e1 "javascript:owned"'
)
"""Everything that the pipeline accepts in a name."""

CONTROLS = "\x1b]0;owned\x07\x1b[31;5;44m\x9b2J\r\x7f\nerror: fake\n  remedy: run it\x85\u2028"
NAME = CONTROLS + WORDS + " long" * 2_000
FILE = "=1 \x1b]0;owned\x07\x9b\u202e[bold]<b>\nerror: fake.json"

_OWN_STYLES = re.compile(r"\x1b\[(\d\d?(;\d\d?)*m|0m|\?25[lh]|\d*[AK]|2K|\d*G)")
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u2069\u3164\ufeff\ud800-\udfff]")
_MARK = "gpj."  # between two direction marks of the name


def check(text: str, *, styled: bool = False, shows: str | None = _MARK, ordinary: bool = True) -> str:
    """Assert that a text for people has no effect, that the name is in it, and that no line of it is the name's."""
    assert "\x1b[31;5;44m" not in text
    plain = _OWN_STYLES.sub("", text) if styled else text
    if styled:
        plain = plain.replace("\r", "")
    harms = re.compile(f"{_HIDDEN.pattern}|^(error: fake|  remedy: run it)", re.MULTILINE)
    if found := harms.search(plain):
        pytest.fail(f"{found[0]!a} in {plain[max(0, found.start() - 200) : found.end() + 100]!a}")
    if shows:
        assert shows in plain.replace("\n", ""), plain
        assert shows != _MARK or "[/red]" in plain
    if ordinary and shows:
        assert ORDINARY in plain, plain
    return plain


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(show, *arguments, **options) -> None:
    """Draw on a terminal and in a file, both wide, and check both."""
    for file in (io.StringIO(), Screen()):
        terminal = Terminal(file=file, width=None)
        terminal.width = 1000
        show(*arguments, terminal, **options)
        check(file.getvalue(), styled=file.isatty())


def command(*arguments, expect=0, shows=_MARK, ordinary=True, **options) -> str:
    """Run a command and check what it prints."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], **options)
    assert result.exit_code == expect, result.output
    check(result.output, shows=shows, ordinary=ordinary)
    return result.stdout


@pytest.fixture(scope="module")
def span(tmp_path_factory) -> Path:
    """A span in which every text is the worst that the records allow."""
    keypoints = np.full((40, 17, 3), 0.5, np.float32)
    sequences = [
        KeypointSequence(
            f"{WORDS}{n}", f"{WORDS} {n}", WORDS, 10.0, "coco17", keypoints, view=WORDS, split=WORDS, source=WORDS
        )
        for n in range(2)
    ]
    session = KeypointSequence("s", "p", WORDS, 10.0, "coco17", keypoints, segments=(Segment(0, 20, WORDS),))
    return write_span(tmp_path_factory.mktemp("data"), 1, [*sequences, session])


def test_an_import_shows_its_names(tmp_path):
    """A file with a good and a bad record, next to a file that is none; the description shows the label."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / FILE).write_text("nonsense")
    joints = enumerate(load_layout("coco17").joints)
    frame = [{"keypoints": [{"x": 9.0 * n, "y": 8.0 * n, "score": 0.5, "name": joint} for n, joint in joints]}]
    clips = [
        {"id": WORDS, "label": WORDS, "subject": WORDS, "height": 480, "frames": [frame] * 5},
        {"id": NAME, "label": NAME, "height": 480, "frames": [frame] * 5},
    ]
    (folder / "good.json").write_text(json.dumps({"clips": clips}))
    out = tmp_path / "out"
    command("data", "import", folder, "--from", "tfjs", "--to", out, "--max-quarantined", "1", shows=None)
    command("data", "import", folder, "--from", "tfjs", "--to", tmp_path / "none", expect=2, shows=None)
    command("data", "import", folder / FILE, "--from", "tfjs", "--to", tmp_path / "x", expect=2, shows=None)
    command("data", "import", folder / f"no{FILE}", "--to", tmp_path / "x", expect=2, shows="[bold]", ordinary=False)
    command("data", "describe", out, ordinary=False)
    assert json.loads(command("data", "describe", out, "--json", shows=None))["classes"] == {one_spelling(WORDS): 1}
    write_report(out / "span-1", tmp_path / "report.html")
    check((tmp_path / "report.html").read_text(), shows=None)


def test_a_span_is_described_reported_and_exported(span, tmp_path, chromium):  # noqa: F811
    drawn(describe.show, describe.describe(span))
    write_report(span, tmp_path / "report.html", span)
    with opened(chromium, tmp_path / "report.html") as seen:
        check(seen.page.locator("body").inner_text(), shows="=cmd|", ordinary=False)
        assert seen.page.evaluate("window.owned") is None
        assert seen.page.locator("img").count() == 0
        seen.assert_no_problems()
    FORMATS["csv"].write(read_sequences(span), tmp_path / "span.csv")
    rows = list(csv.reader((tmp_path / "span.csv").open(encoding="utf-8", newline="")))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]
    assert float(rows[1][rows[0].index("x")]) == 0.5


def test_an_exported_table_is_read_as_it_was(tmp_path):
    keypoints = np.full((4, 17, 3), 0.5, np.float32)
    for text in ("=1+1", "-x", "'=x", "''-1", "@y", "it's", "-1"):
        sequence = KeypointSequence(text, f"{text} ", text, 10.0, "coco17", keypoints)
        FORMATS["csv"].write([sequence], tmp_path / "t.csv")
        summary_ = import_one(tmp_path / "t.csv", tmp_path / f"out{len(list(tmp_path.iterdir()))}")
        [read] = read_sequences(summary_)
        assert (read.sequence_id, read.label) == (text, text)


def import_one(file, target):
    from data.importers import import_to_span

    return import_to_span("csv", file, target, options=ImportOptions()).span_dir


def test_answers_of_runs_are_drawn(tmp_path, capsys):
    say_progress(NAME)
    log = tmp_path / "log"
    log.write_text(capsys.readouterr().out.splitlines()[0])
    failure = NodeResult("Trainer", "failed", 1.0, reason=NAME, error=InputError(NAME, NAME, NAME))
    verdict = Verdict(gate=NAME, figure=1.0, threshold=0.5, direction="min", unit=NAME, passed=False, detail=NAME)
    report = Report(
        NAME, "refused", False, 1.0, data={NAME: {NAME: 1}}, accuracy={NAME: 0.5}, verdicts=[verdict],
        files={NAME: {"shipped": True}}, pushed={NAME: NAME}, rejected=[NAME], rejected_since=NAME,
    )  # fmt: skip
    drawn(summary.show, report)
    forecasts = [Forecast(NAME, True, NAME, {NAME: NAME}, [NAME]), Forecast(NAME, False, NAME)]
    drawn(lambda out: summary.show_forecast(forecasts, out, as_json=False))
    drawn(lambda out: summary.show_key(forecasts[0], out, as_json=False))
    drawn(show_proposal, Proposal(1, NAME, [Change(NAME, NAME, NAME, NAME)]))
    scores = BundleEvaluation(
        0.5, 0.5, 0.5, 1, 1, Latency(0.1, 0.2, 3, 0.3, 4, calm=False), {NAME: ClassScore(0.1, 0.2, 0.3, 4)},
        {"name": NAME, "version": NAME, "folder": NAME, "signature": NAME}, {NAME: 0.5},
    )  # fmt: skip
    drawn(show_evaluation, scores)

    def run(terminal):
        with make_progress(terminal) as progress:
            progress.plan([NAME, "Trainer"])
            progress.running(NAME, log, NAME)
            if isinstance(progress, LineProgress):
                progress.show_running()
            progress.say(NAME)
            progress.ended(failure)

    drawn(run)


def test_failures_are_one_message(capsys, tmp_path):
    for error in (
        InputError(WORDS, NAME, NAME),
        InputError(NAME, NAME, NAME),
        FileNotFoundError(2, "none", NAME),
        ValueError(NAME),
    ):
        report_failure(error, ["data", "describe", NAME, "--root", str(tmp_path)])
        check(capsys.readouterr().err, shows=None)
    for arguments in ([NAME], [f"--{NAME}"], ["data", "describe", NAME[:200]], ["run", "--config", NAME[:200]]):
        command(*arguments, expect=2, shows=None)
    command("runs", "--root", tmp_path / FILE, shows="[bold]", ordinary=False)
    text = command("config", "--set", f"description={json.dumps(WORDS, ensure_ascii=False)}", shows=None)
    assert yaml.safe_load(text)["description"] == WORDS


def test_a_log_that_is_followed_has_no_effect(tmp_path):
    sink, log = io.StringIO(), tmp_path / "log"
    with following(log, sink):
        log.write_text(CONTROLS.replace("\n", "") + WORDS + "\n\tindented\n")
    assert "\n\tindented\n" in check(sink.getvalue())


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A store of real runs, in which somebody has replaced what a store may hold by the name."""
    recorded = record(tmp_path_factory.mktemp("stranger"), None, "short")
    store = recorded.store()
    for part in store.whole():
        for artifact in part.artifacts.values():
            folder = Path(artifact.uri)
            if artifact.type == "Examples" and (folder / "sequences.parquet").exists():
                names = [(f"{NAME}{n}", f"{NAME} {n}", NAME, split) for n, split in enumerate(("train", "test", NAME))]
                write_sequences(folder, [SequenceRow(*name, windows=3) for name in names])
            if artifact.type == "ModelEvaluation" and folder.exists():
                verdict = Verdict(
                    gate=NAME, figure=1, threshold=2, direction="min", unit=NAME, passed=False, detail=NAME
                )
                slices = (Slice(metrics={"accuracy": 0.5}), Slice(slice={NAME: NAME}, metrics={NAME: 0.5}))
                Evaluation(slices=slices, verdicts=(verdict,), blessed=False).write(folder)
            if artifact.type == "Model" and folder.exists():
                (folder / FILE).write_text("more")
            if artifact.type == "PushedModel" and (record_ := PushRecord.read_if_sound(folder)):
                record_.model_copy(update={"refused_by": (NAME,), "targets": {NAME: NAME[:150]}}).write(folder)
    with sqlite3.connect(recorded.root / "metadata.sqlite") as database:
        for table in ("Artifact", "Context", "Execution"):
            database.execute(
                f"UPDATE {table}Property SET string_value = ? WHERE string_value NOT LIKE '{{%' AND name IN"
                " ('git_commit', 'git_dirty', 'code_digest', 'lock_digest', 'python', 'failure', 'error', 'text',"
                " 'cause', 'component_id')",
                (NAME,),
            )
            database.execute(
                f"INSERT OR IGNORE INTO {table}Property ({table.lower()}_id, name, is_custom_property, string_value)"
                f" SELECT id, ?, 1, ? FROM {table}",
                (NAME, NAME),
            )
        database.execute("UPDATE Artifact SET name = ? || id", (NAME,))
    return recorded


def ask(stranger, *arguments, expect=0, **options):
    return command("lineage", *arguments, "--root", stranger.root, expect=expect, env=stranger.environment, **options)


def test_every_lineage_answer_shows_it(stranger):
    run, other = stranger.runs_named("first")[0], stranger.runs_named("new data again")[0]
    store = stranger.store()
    [model] = store.run_subgraph(run).of_type("Model")
    ask(stranger, "runs", shows=None)
    ask(stranger, "run", run)
    ask(stranger, "trace", model.id)
    ask(stranger, "impact", model.id, shows=None)
    ask(stranger, "impact", "--subject", NAME, expect=1, ordinary=False)
    ask(stranger, "diff", run, other, shows=None)
    ask(stranger, "why-ran", "Trainer", run, shows=None)
    ask(stranger, "blame", "accuracy", shows=None)
    ask(stranger, "verify", run, expect=1, shows="[bold]", ordinary=False)
    ask(stranger, "forget", "--subject", NAME, shows=None)
    ask(stranger, "prune", "--keep", "1", shows=None)
    ask(stranger, "run", NAME[:500], expect=2, shows=None)
    ask(stranger, "trace", stranger.root / FILE, expect=2, shows=None)
    ask(stranger, "sql", "SELECT * FROM artifacts", shows=None)
    ask(stranger, "sql", "--json", "SELECT name FROM artifacts", shows=None)
    table = ask(stranger, "sql", "--csv", "SELECT -1.5 AS f, '=1' AS g, '-2' AS n, name FROM artifacts LIMIT 1")
    assert list(csv.reader(io.StringIO(table)))[1][:3] == ["-1.5", "'=1", "-2"]
    for arguments in (("run", run), ("trace", str(model.id))):
        json.loads(ask(stranger, *arguments, "--json", shows=None))


def test_every_drawing_and_export_shows_it(stranger, tmp_path, chromium):  # noqa: F811
    run = stranger.runs_named("first")[0]
    for name in ("run.html", "run.svg", "run.dot", "run.mmd"):
        ask(stranger, "graph", run, "--to", tmp_path / name, shows=None)
    ask(stranger, "report", run, "--to", tmp_path / "audit.html", shows=None)
    ask(stranger, "blame", "accuracy", "--to", tmp_path / "history.html", shows=None)
    for name in ("run.html", "audit.html", "history.html"):
        check((tmp_path / name).read_text(), shows=None)
        with opened(chromium, tmp_path / name) as seen:
            if name == "run.html":
                seen.page.locator(".box.artifact").first.click()
            check(seen.page.locator("body").inner_text(), shows=None)
            if name != "history.html":
                assert "<script>window.owned=1</script>" in seen.page.locator("body").inner_text()
            assert seen.page.evaluate("window.owned") is None
            assert seen.page.locator("img").count() == 0
            seen.assert_no_problems()
    svg = check((tmp_path / "run.svg").read_text(), shows=None)
    assert ET.fromstring(svg).tag.endswith("svg")
    check((tmp_path / "run.mmd").read_text(), shows=None)
    dot = check((tmp_path / "run.dot").read_text(), shows=None)
    assert "&#27;" not in dot.replace("&amp;", "")
    [parsed] = pydot.graph_from_dot_data(dot)
    assert {node.get_name()[0] for node in parsed.get_nodes()} <= {"e", "a", "n", "g", '"'}
    for form in ("openlineage", "prov", "csv", "parquet"):
        ask(stranger, "export", "--format", form, "--to", tmp_path / form, shows=None)
    for form in ("openlineage", "prov"):
        assert (tmp_path / form).read_text().isascii()
    assert all(json.loads(line) for line in (tmp_path / "openlineage").read_text().splitlines())
    for file in (tmp_path / "csv").iterdir():
        check(file.read_text(), shows=None)
        rows = csv.reader(file.open(newline=""))
        assert not [cell for row in rows for cell in row if re.match(r"[=+@]|-\D", cell)]
