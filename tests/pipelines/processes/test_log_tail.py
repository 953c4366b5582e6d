import io
import time

from pipelines.processes.log_tail import following


def test_appended_text_is_copied_while_it_is_written(tmp_path):
    log, sink = tmp_path / "log", io.StringIO()
    log.write_text("of an earlier attempt\n")
    with following(log, sink):
        with log.open("a") as file:
            file.write("first\n")
        deadline = time.monotonic() + 10
        while not sink.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sink.getvalue() == "first\n"
        with log.open("a") as file:
            file.write("last, just before the end\n")
    assert sink.getvalue() == "first\nlast, just before the end\n"


def test_a_log_that_is_never_written_is_not_an_error(tmp_path):
    sink = io.StringIO()
    with following(tmp_path / "log", sink):
        pass
    assert sink.getvalue() == ""


def test_a_reader_that_has_gone_away_does_not_disturb_the_writer(tmp_path):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    log = tmp_path / "log"
    with following(log, Closed()):
        log.write_text("text")
    assert log.read_text() == "text"
