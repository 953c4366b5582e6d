import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from data.errors import NodeError, PoselineError
from data.project import PROJECT_ROOT
from pipelines.processes.children import ChildProcesses


def shout(text: str) -> None:
    print(text)


def fail() -> None:
    raise ValueError("too bad")


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def write_to_a_full_disk() -> None:
    with Path("/dev/full").open("w") as file:
        file.write("x")


def leave_a_temporary_file() -> None:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        print(file.name)
    os.kill(os.getpid(), signal.SIGKILL)


def wait_long(started: str) -> None:
    Path(started).write_text(str(os.getpid()))
    time.sleep(60)


def test_output_goes_to_the_log_and_the_failure_comes_back(tmp_path):
    children = ChildProcesses()
    log = tmp_path / "logs" / "node.log"
    children.run(shout, ("hello",), log, heavy=False)
    with pytest.raises(NodeError, match="ValueError: too bad"):
        children.run(fail, (), log, heavy=False)
    with pytest.raises(NodeError, match=r"killed \(SIGKILL\)"):
        children.run(kill_itself, (), log, heavy=False)
    text = log.read_text()
    assert "hello" in text
    assert "ValueError: too bad" in text


@pytest.mark.parametrize("heavy", [False, True])
def test_no_child_imports_what_is_in_the_current_folder(tmp_path, heavy):
    here = tmp_path / "here"
    (here / "pipelines").mkdir(parents=True)
    for name in ("pipelines/__init__.py", "data.py", "multiprocessing.py", "keras.py"):
        (here / name).write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write(__name__)\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom pipelines.processes.children import ChildProcesses\n"
        f"if __name__ == '__main__':\n    ChildProcesses().run(print, ('hello',), Path(sys.argv[1]), heavy={heavy})\n"
    )
    environment = os.environ | {"PYTHONPATH": str(PROJECT_ROOT)}
    environment.pop("PYTHONSAFEPATH", None)
    command = [sys.executable, str(script), str(tmp_path / "log")]
    subprocess.run(command, cwd=here, env=environment, check=True)
    assert (tmp_path / "log").read_text() == "hello\n"
    assert not (tmp_path / "imported").exists()


def test_a_full_disk_is_reported(tmp_path):
    with pytest.raises(PoselineError, match="the disk is full"):
        ChildProcesses().run(write_to_a_full_disk, (), tmp_path / "log", heavy=False)


def test_temporary_files_of_a_child_are_removed_even_if_it_is_killed(tmp_path):
    with pytest.raises(NodeError):
        ChildProcesses().run(leave_a_temporary_file, (), tmp_path / "log", heavy=False)
    file = Path((tmp_path / "log").read_text().strip())
    assert not file.parent.exists()


def test_a_child_ends_with_its_parent(tmp_path):
    from tests.processes import ends  # the child imports this file, and knows no other of the tests'

    started = tmp_path / "started"
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from test_children import wait_long\n"
        "from pipelines.processes.children import ChildProcesses\n"
        "from pathlib import Path\n"
        "if __name__ == '__main__':\n"
        "    ChildProcesses().run(wait_long, (sys.argv[1],), Path(sys.argv[1] + '.log'), heavy=False)\n"
    )
    file = tmp_path / "parent.py"
    file.write_text(script)
    parent = subprocess.Popen([sys.executable, str(file), str(started), str(Path(__file__).parent)])
    deadline = time.monotonic() + 30
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    child = int(started.read_text())
    parent.kill()
    parent.wait()
    assert ends(child, 10), "the child outlived its parent"
