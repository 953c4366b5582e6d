"""Lines about the progress of long work, with an injected clock."""

import io

from data.output.progress import LoggedCount, counting, duration, last_progress, say_progress, time_left
from data.output.terminal import Terminal


def test_a_duration_is_text_for_people():
    assert [duration(seconds) for seconds in (0.2, 45.4, 80, 3599.6, 7500)] == [
        *("1 s", "45 s", "1 min 20 s", "1 h 0 min", "2 h 5 min")
    ]


def test_the_first_step_does_not_decide_how_long_the_others_take():
    assert time_left([60.0], 3) == 180
    assert time_left([60.0, 2, 2.2, 2.1, 2, 9], 10) == 21


def test_the_last_line_about_the_progress_is_found_in_a_log(tmp_path, capsys):
    log = tmp_path / "log"
    assert last_progress(log) is None
    say_progress("epoch 1/2")
    say_progress("epoch 2/2, 3 s left")
    lines = capsys.readouterr().out
    log.write_text("x" * 10_000 + "\n" + lines + "INFO: something else\n")
    assert last_progress(log) == "epoch 2/2, 3 s left"
    log.write_text(lines + "x" * 10_000)
    assert last_progress(log) is None


def test_a_log_gets_a_line_every_fifteen_seconds():
    now = [0.0]
    out = io.StringIO()
    count = LoggedCount(Terminal(file=out), "sources", clock=lambda: now[0])
    for done in range(10, 1001, 10):
        now[0] += 1
        count(done, 1000, f"{done * 10:,} records")
    lines = out.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[0] == "150 of 1,000 sources, 1,500 records, 1 min 25 s left"
    assert lines[-1] == "900 of 1,000 sources, 9,000 records, 10 s left"


def test_a_terminal_gets_a_bar_that_disappears():
    class Screen(io.StringIO):
        def isatty(self):
            return True

    out = Screen()
    with counting(Terminal(file=out), "sequences") as update:
        update(3, 4, "")
    assert "3/4" in out.getvalue()
