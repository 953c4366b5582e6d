"""However a command fails, it prints no bare traceback, and its exit code is 1 only if a gate rejected."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from data.errors import GateError, InputError, NodeError
from pipelines import config as configuration
from pipelines.cli import main as cli
from pipelines.cli.main import main

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def ended_by(tmp_path, monkeypatch):
    """A command that is ended by an error, with a root and a folder for temporary files of its own."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    def run(error, *arguments):
        def fail(*_):
            raise error

        monkeypatch.setattr(configuration, "load_config", fail)
        return CliRunner().invoke(main, ["config", *(arguments or ("--root", str(root)))])

    return run


def test_a_message_does_not_steer_the_terminal(ended_by):
    done = ended_by(InputError("unknown key a\0\x1b[31m\u202eb", "line 1\nline 2"))
    assert done.stderr == "error: unknown key a\\x00\\x1b[31m\\u202eb\n  where:  line 1\\nline 2\n"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a surprise"),
        KeyError("x"),
        AssertionError(),
        EOFError("half a file"),
        RecursionError("too deep"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        PermissionError(errno.EACCES, "Permission denied", "/etc/shadow"),
        type("PanicException", (BaseException,), {})("from Rust"),
        ExceptionGroup("several", [ValueError("one")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unexpected_error_ends_as_exit_code_3_with_a_log(ended_by, tmp_path, error):
    done = ended_by(error)
    assert done.exit_code == 3
    assert done.stdout == ""
    [log] = (tmp_path / "root" / "errors").iterdir()
    first, where, remedy = done.stderr.splitlines()
    assert first.startswith(f"error: unexpected {type(error).__name__}")
    assert where == f"  where:  the traceback is in {log}"
    assert remedy == "  remedy: this is a defect of Poseline: please open an issue and attach that file"
    text = log.read_text()
    assert text.startswith(f"poseline config --root {tmp_path / 'root'}\n")
    assert "Traceback (most recent call last)" in text
    assert type(error).__name__ in text


def test_without_a_root_the_log_is_a_temporary_file(ended_by, tmp_path):
    missing = tmp_path / "missing"
    done = ended_by(RuntimeError("a surprise"), f"--root={missing}")
    [log] = tmp_path.glob("poseline-*.log")
    assert done.exit_code == 3
    assert str(log) in done.stderr
    assert not missing.exists()


def test_if_no_log_can_be_written_the_place_in_the_code_is_named(ended_by, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EROFS, "read-only")))
    done = ended_by(RuntimeError("a surprise"))
    assert done.exit_code == 3
    assert f"where:  {__file__}:" in done.stderr
    assert "add this message" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_long_message_becomes_one_line(ended_by):
    done = ended_by(RuntimeError("line\n" * 1000))
    assert len(done.stderr.splitlines()) == 3
    assert len(done.stderr) < 1000


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (GateError("rejected"), 1, "error: rejected"),
        (InputError("wrong", "here", "do this"), 2, "error: wrong\n  where:  here\n  remedy: do this"),
        (NodeError("failed"), 3, "error: failed"),
        (click.UsageError("not like this"), 2, "Error: not like this"),
        (click.FileError("file", "unreadable"), 2, "Could not open file"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/disk/file"),
            3,
            "error: the disk is full\n  where:  /disk/file",
        ),
        (OSError(errno.ENAMETOOLONG, "File name too long", "a" * 9), 2, "error: the path is too long"),
        (MemoryError(), 3, "error: there is not enough memory"),
        (KeyboardInterrupt(), 130, "interrupted; run the same command again to resume"),
        (click.Abort(), 130, "interrupted"),
        (SystemExit("a text"), 3, "error: unexpected SystemExit: a text"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_an_expected_error_has_its_own_exit_code(ended_by, error, code, message):
    done = ended_by(error)
    assert done.exit_code == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.ENOENT, "does not exist"),
        (errno.EEXIST, "taken by something else"),
        (errno.ENOTDIR, "a part of the path is a file"),
        (errno.EISDIR, "the path is a folder"),
    ],
)
@pytest.mark.parametrize("file", ["page.html", ".page.html.a1b2", "page.html/inside"])
def test_a_fault_of_a_path_that_the_user_gave_is_wrong_input(ended_by, tmp_path, number, message, file):
    done = ended_by(OSError(number, "?", str(tmp_path / file)), "--root", str(tmp_path / "page.html"))
    assert done.exit_code == 2
    assert message in done.stderr
    assert str(tmp_path / file) in done.stderr


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT])
def test_a_fault_of_another_path_is_a_defect(ended_by, tmp_path, number):
    done = ended_by(OSError(number, "?", "/elsewhere/internal"), "--root", str(tmp_path / "root"))
    assert done.exit_code == 3
    assert "defect" in done.stderr


def test_a_pipe_that_breaks_elsewhere_is_a_defect(ended_by):
    done = ended_by(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert done.exit_code == 3
    assert "unexpected BrokenPipeError" in done.stderr


@pytest.mark.parametrize("code", [0, 1, 2, 3, 99])
def test_the_exit_code_of_a_command_is_kept(ended_by, code):
    done = ended_by(SystemExit(code))
    assert (done.exit_code, done.stderr) == (code, "")


def test_a_missing_package_is_a_damaged_environment_and_not_a_defect(ended_by):
    done = ended_by(ModuleNotFoundError("No module named 'ml_metadata'", name="ml_metadata"))
    assert done.exit_code == 3
    assert done.stderr.splitlines() == [
        "error: the environment is incomplete: No module named 'ml_metadata'",
        f"  where:  {sys.executable}",
        "  remedy: run `make setup`, then `poseline doctor`",
    ]
    own = ended_by(ModuleNotFoundError("No module named 'pipelines.gone'", name="pipelines.gone"))
    assert own.stderr.startswith("error: unexpected ModuleNotFoundError")


def test_a_module_that_cannot_be_imported_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setitem(cli._COMMANDS, "config", cli._Entry("pipelines.cli.missing", ""))
    done = CliRunner().invoke(main, ["config", "--root", str(tmp_path / "missing")])
    assert done.exit_code == 3
    assert "error: unexpected ModuleNotFoundError: No module named 'pipelines.cli.missing'" in done.stderr
    assert list(tmp_path.glob("poseline-*.log"))


@pytest.mark.parametrize("name", [*cli._GROUPS, *cli._COMMANDS])
def test_every_command_has_a_module_and_the_summary_that_help_prints(name):
    command = main.get_command(click.Context(main), name)
    assert command.get_short_help_str(200) == (cli._GROUPS | cli._COMMANDS)[name].summary
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0
    assert f"  {name} " in CliRunner().invoke(main, ["--help"]).stdout


def test_help_imports_no_module_of_a_command():
    script = (
        "import sys; from pipelines.cli.main import main\ntry: main(['--help'])\nfinally: print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    modules = done.stdout.splitlines()[-1]
    assert "'pipelines.cli.main'" in modules
    for name in (*(entry.module for entry in cli._COMMANDS.values()), "pipelines.cli.data", "rich", "pydantic"):
        assert f"'{name}'" not in modules


def shell(script: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"POSELINE": f"{sys.executable} -m pipelines.cli"}
    command = ["bash", "-c", f"set -o pipefail\n{script}"]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", ["--help", "config", "data formats"])
def test_output_that_nobody_reads_is_no_error(arguments):
    done = shell(f"$POSELINE {arguments} | true")
    assert (done.returncode, done.stderr) == (141, "")


def test_streams_that_are_closed_are_no_error_and_their_numbers_go_to_no_file():
    done = shell("$POSELINE data formats >&- && $POSELINE data formats <&- 2>&-")
    assert (done.returncode, done.stderr) == (0, "")
    assert "openpose" in done.stdout
    script = """if True:
        import click, os
        from pipelines.cli.main import main
        def show():
            os.write(9, str(os.open("/dev/zero", os.O_RDONLY)).encode())
        main.get_command = lambda *_: click.Command("show", callback=show)
        main(["show"])
    """
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" 9>&1 >&- <&- 2>&-', sys.executable, script],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert int(done.stdout) > 2


def test_a_full_disk_behind_the_output_is_reported():
    done = shell("$POSELINE config > /dev/full")
    assert done.returncode == 3
    assert done.stderr.startswith("error: the disk is full")


def test_arguments_that_are_not_text_are_reported_in_any_locale():
    script = r"LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 $POSELINE config --config $'\xff'"
    done = shell(script)
    assert done.returncode == 2
    assert r"no configuration '\udcff'" in done.stderr
