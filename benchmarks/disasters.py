"""Makes disasters happen to real runs, and prints what the user sees, whether the next run succeeds, and what is left.

.venv/bin/python -m benchmarks.disasters [NAME...]

It needs root, because it mounts small file systems (in a mount namespace of its own), and `gcc` for the wrong clock.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.output import TINY
from data.project import PROJECT_ROOT
from lineage.store.reader import LineageStore
from pipelines.processes.import_blocker import block_heavy_imports

GENERATE = ("--no-cache", "--until", "KeypointExampleGen")
TRAIN = ("--no-cache", "--from", "Trainer", "--until", "Trainer")
CACHED = ("--until", "KeypointExampleGen")
_ROOT_MIB, _LIMIT_SECONDS = 420, 300


@dataclass
class Scene:
    """Folders of one disaster.

    Attributes:
        folder: folder with `data`, `base` (a root after one run), `root` (a small file system with a copy of it) and
            `tmp`.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """Root of the runs."""
        return self.folder / "root"

    @property
    def store(self) -> Path:
        """Metadata store."""
        return self.root / "metadata.sqlite"

    @property
    def tmp(self) -> Path:
        """Folder for temporary files."""
        return self.folder / "tmp"

    def prepare(self) -> None:
        """Give the scene a fresh root and an empty folder for temporary files."""
        for process in self.processes:
            process.kill()
        self.processes, self.environment = [], {}
        shutil.rmtree(self.tmp, ignore_errors=True)
        self.tmp.mkdir()
        subprocess.run(["umount", "-l", str(self.root)], check=False, stderr=subprocess.DEVNULL)
        self.root.mkdir(exist_ok=True)
        self.mount(self.root, f"size={_ROOT_MIB}m,nr_inodes=20k")
        base = self.folder / "base"
        if base.exists():
            subprocess.run(["cp", "-a", f"{base}/.", str(self.root)], check=True)

    def mount(self, target: Path, options: str) -> None:
        """Mount a file system in memory."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(target)], check=True)

    def remount(self, how: str) -> None:
        """Make the root's file system read-only (`ro`) or writable (`rw`)."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.root)], check=True)

    def use_disk(self) -> None:
        """Move the root to a file system on a disk (an image of one), which can fail while files are open."""
        image = self.folder / "disk.img"
        with image.open("wb") as file:
            file.truncate(_ROOT_MIB * 2**20)
        subprocess.run(["mkfs.ext4", "-q", "-N", "20000", str(image)], check=True)
        self.mount_disk()
        subprocess.run(["cp", "-a", f"{self.folder / 'base'}/.", str(self.root)], check=True)

    def mount_disk(self) -> None:
        """Mount the image, as after a repair."""
        subprocess.run(["umount", "-l", str(self.root)], check=True)
        time.sleep(1)
        subprocess.run(["mount", "-o", "loop", str(self.folder / "disk.img"), str(self.root)], check=True)

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a run."""
        settings = [part for setting in TINY for part in ("--set", setting)]
        places = ["--data", str(self.folder / "data"), "--root", str(self.root)]
        return [sys.executable, "-m", "pipelines.cli", "run", "--config", "baduanjin", *places, *settings, *arguments]

    def start(self, arguments: tuple[str, ...], limits: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Start a run."""
        process = subprocess.Popen(
            ["prlimit", *limits, *self.command(*arguments)],
            cwd=PROJECT_ROOT,
            env=os.environ | {"TMPDIR": str(self.tmp)} | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def wait_for_executor(self, process: subprocess.Popen[str], node: str) -> int:
        """Wait until a node's executor runs, and return its process id."""
        while process.poll() is None:
            for pid, output in _outputs():
                if output.startswith(f"{self.root}/runs/") and output.endswith(f"/{node}.log"):
                    return pid
            time.sleep(0.02)
        raise RuntimeError(f"the run ended before {node} started: {process.communicate()}")

    def debris(self) -> list[str]:
        """Return what a run must not leave behind."""
        left = [
            f"{path.relative_to(self.folder)}"
            for path in self.root.rglob(".*")
            if path.name not in (".system", ".lock")
        ]
        left += [f"{path.relative_to(self.folder)}" for path in [*self.tmp.iterdir(), *self.root.glob("running/*")]]
        left += [f"process {pid}" for pid, output in _outputs() if output.startswith(str(self.root))]
        store, claimed = LineageStore.of_root(self.root), set[str]()
        for part in store.whole():
            left += [f"execution {e.id} {e.node} is RUNNING" for e in part.executions.values() if e.state == "RUNNING"]
            claimed |= {artifact.uri for artifact in part.artifacts.values() if artifact.state == "LIVE"}
        folders = [path for path in self.root.glob("artifacts/*/*/*/*") if ".system" not in path.parts]
        return left + [f"{path.relative_to(self.folder)}" for path in folders if str(path) not in claimed]


Action = Callable[[Scene], object]


@dataclass(frozen=True)
class Disaster:
    """One disaster.

    Attributes:
        arguments: arguments of the run that it happens to.
        node: node whose executor runs when `during` is called.
        before: what happens before the run.
        during: what happens during the run; gets the run's process and the executor's process id.
        after: what ends the disaster before the second run.
        limits: limits of the process, as options of `prlimit`.
    """

    arguments: tuple[str, ...] = GENERATE
    node: str = "KeypointExampleGen"
    before: Action = lambda _: None
    during: Callable[[Scene, subprocess.Popen[str], int], object] | None = None
    after: Action = lambda _: None
    limits: tuple[str, ...] = ()


def _outputs() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), str((entry / "fd" / "1").readlink())
            except OSError:
                continue


def _fill(folder: Path, leave: int = 0) -> None:
    with (folder / "filling").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(2**16))
        except OSError:
            file.truncate(max(0, file.seek(0, os.SEEK_CUR) - leave))


def _fill_temporary_folder(scene: Scene) -> None:
    scene.mount(scene.tmp, "size=64k")
    _fill(scene.tmp)


def _fill_shared_memory(scene: Scene) -> None:
    scene.mount(Path("/dev/shm"), "size=4k")
    _fill(Path("/dev/shm"))


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _use_inodes(folder: Path) -> None:
    (folder / "filling").mkdir()
    try:
        for number in range(10**6):
            (folder / "filling" / str(number)).touch()
    except OSError:
        pass


def _empty(scene: Scene) -> None:
    path = scene.root / "filling"
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


_LOCKER = """
import sqlite3, sys, time
with sqlite3.connect(sys.argv[1], isolation_level=None) as store:
    store.execute("BEGIN EXCLUSIVE")
    print("locked", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def _lock(scene: Scene, seconds: float) -> None:
    command = [sys.executable, "-c", _LOCKER, str(scene.store), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    scene.processes.append(process)
    assert process.stdout
    process.stdout.readline()


def _damage(path: Path, content: bytes | None = None, at: int = 0) -> None:
    if content is None:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        return
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def _damage_pages(scene: Scene) -> None:
    """Overwrite every page but the first, as a failing disk would."""
    size = scene.store.stat().st_size
    _damage(scene.store, os.urandom(size - 4096), 4096)


def _newer(scene: Scene) -> None:
    with sqlite3.connect(scene.store) as store:
        store.execute("UPDATE MLMDEnv SET schema_version = 99")


def _folder_instead(scene: Scene) -> None:
    scene.store.rename(scene.root / "kept.sqlite")
    scene.store.mkdir()


def _give_back(scene: Scene) -> None:
    shutil.rmtree(scene.store) if scene.store.is_dir() else scene.store.unlink(missing_ok=True)
    shutil.copyfile(scene.folder / "base" / "metadata.sqlite", scene.store)


def _stop_and_go(seconds: float, pids: Callable[[subprocess.Popen[str], int], list[int]]) -> Callable[..., object]:
    def act(_: Scene, process: subprocess.Popen[str], executor: int) -> None:
        for pid in pids(process, executor):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        for pid in pids(process, executor):
            os.kill(pid, signal.SIGCONT)

    return act


def _send(number: int, *, to_executor: bool = False) -> Callable[..., object]:
    def act(_: Scene, process: subprocess.Popen[str], executor: int) -> None:
        os.kill(executor if to_executor else process.pid, number)

    return act


def _second_run(*arguments: str) -> Callable[..., object]:
    def act(scene: Scene, _: subprocess.Popen[str], __: int) -> None:
        other = scene.start(arguments)
        said = other.communicate(timeout=_LIMIT_SECONDS)[1]
        if other.returncode:
            raise RuntimeError(f"the second run ended with {other.returncode}: {said}")

    return act


def _lineage(*arguments: str, expect: int) -> Callable[..., object]:
    def act(scene: Scene, _: subprocess.Popen[str], __: int) -> None:
        command = [sys.executable, "-m", "pipelines.cli", "lineage", *arguments, "--root", str(scene.root)]
        done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
        print(f"    {arguments[0]}: {done.returncode} {done.stderr.strip()}")
        assert done.returncode == expect, done.stderr

    return act


_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
/* One hour less, as soon as the file $POSELINE_CLOCK exists. */
static long shift(void) { const char *f = getenv("POSELINE_CLOCK"); return f && !access(f, F_OK) ? 3600 : 0; }
int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, t);
    if (id == CLOCK_REALTIME) t->tv_sec -= shift();
    return r;
}
int gettimeofday(struct timeval *t, void *z) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
    int r = real(t, z);
    t->tv_sec -= shift();
    return r;
}
time_t time(time_t *t) { struct timeval v; gettimeofday(&v, 0); if (t) *t = v.tv_sec; return v.tv_sec; }
"""


def _clock(scene: Scene) -> None:
    source, library = scene.folder / "clock.c", scene.folder / "clock.so"
    source.write_text(_CLOCK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    scene.environment = {"LD_PRELOAD": str(library), "POSELINE_CLOCK": str(scene.folder / "clock.set")}


def _set_clock_back(scene: Scene, *_: object) -> None:
    (scene.folder / "clock.set").touch()


def _clock_back_before(scene: Scene) -> None:
    _clock(scene)
    _set_clock_back(scene)


def _clock_right(scene: Scene) -> None:
    (scene.folder / "clock.set").unlink()
    scene.environment = {}


def _checkpoints(scene: Scene) -> list[Path]:
    folder = scene.root / "checkpoints"
    return [path for path in folder.glob("*/*/*") if path.is_file() and not path.name.startswith(".")]


def _kill_training_with_checkpoint(scene: Scene, process: subprocess.Popen[str], executor: int) -> None:
    while not _checkpoints(scene) and process.poll() is None:
        time.sleep(0.02)
    os.kill(executor, signal.SIGKILL)


def _damage_checkpoints(scene: Scene) -> None:
    for path in _checkpoints(scene):
        _damage(path)


def _damage_plans(scene: Scene) -> None:
    for path in scene.root.glob("plans/*.json"):
        _damage(path)


def _journal_entry(content: str) -> Action:
    def write(scene: Scene) -> None:
        (scene.root / "running" / "baduanjin-x.Trainer.json").write_text(content)

    return write


BOTH = lambda process, executor: [process.pid, executor]  # noqa: E731
DISASTERS: dict[str, Disaster] = {
    "disk full before": Disaster(before=lambda s: _fill(s.root), after=_empty),
    "disk full in mid-run": Disaster(during=lambda s, *_: _fill(s.root), after=_empty),
    "disk full in training": Disaster(TRAIN, "Trainer", during=lambda s, *_: _fill(s.root), after=_empty),
    "inodes used up before": Disaster(before=lambda s: _use_inodes(s.root), after=_empty),
    "inodes used up in mid-run": Disaster(during=lambda s, *_: _use_inodes(s.root), after=_empty),
    "temporary folder full": Disaster(
        ("--no-cache", "--until", "StatisticsGen"), before=_fill_temporary_folder, after=lambda s: _unmount(s.tmp)
    ),
    "/dev/shm full": Disaster(before=_fill_shared_memory, after=lambda _: _unmount(Path("/dev/shm"))),
    "file size limited": Disaster(limits=("--fsize=100000",)),
    "root read-only before": Disaster(before=lambda s: s.remount("ro"), after=lambda s: s.remount("rw")),
    "root read-only in mid-run": Disaster(
        before=lambda s: s.use_disk(), during=lambda s, *_: s.remount("abort"), after=lambda s: s.mount_disk()
    ),
    "32 open files": Disaster(limits=("--nofile=32",)),
    "14 open files": Disaster(limits=("--nofile=14",)),
    "address space limited": Disaster(limits=("--as=1500000000",)),
    "store locked for 2 minutes before": Disaster(CACHED, before=lambda s: _lock(s, 120)),
    "store locked for 2 minutes in mid-run": Disaster(during=lambda s, *_: _lock(s, 120)),
    "store truncated": Disaster(CACHED, before=lambda s: _damage(s.store), after=_give_back),
    "store of random bytes": Disaster(
        CACHED, before=lambda s: s.store.write_bytes(os.urandom(10_000)), after=_give_back
    ),
    "store with random pages": Disaster(CACHED, before=_damage_pages, after=_give_back),
    "store empty": Disaster(CACHED, before=lambda s: s.store.write_bytes(b""), after=_give_back),
    "store missing": Disaster(CACHED, before=lambda s: s.store.unlink(), after=_give_back),
    "store damaged in mid-run": Disaster(during=lambda s, *_: _damage_pages(s), after=_give_back),
    "folder in the place of the store": Disaster(CACHED, before=_folder_instead, after=_give_back),
    "store of a newer version": Disaster(CACHED, before=_newer, after=_give_back),
    "executor killed": Disaster(during=_send(signal.SIGKILL, to_executor=True)),
    "executor crashes": Disaster(during=_send(signal.SIGSEGV, to_executor=True)),
    "executor aborts": Disaster(during=_send(signal.SIGABRT, to_executor=True)),
    "executor terminated": Disaster(during=_send(signal.SIGTERM, to_executor=True)),
    "run killed": Disaster(during=_send(signal.SIGKILL)),
    "run interrupted": Disaster(during=_send(signal.SIGINT)),
    "run terminated": Disaster(during=_send(signal.SIGTERM)),
    "terminal closed": Disaster(during=_send(signal.SIGHUP)),
    "run stopped for 40 s": Disaster(during=_stop_and_go(40, lambda process, _: [process.pid])),
    "executor stopped for 40 s": Disaster(during=_stop_and_go(40, lambda _, executor: [executor])),
    "both stopped for 40 s": Disaster(during=_stop_and_go(40, BOTH)),
    "clock an hour back before": Disaster(before=_clock_back_before, after=_clock_right),
    "clock an hour back in mid-run": Disaster(before=_clock, during=_set_clock_back, after=_clock_right),
    "checkpoint truncated": Disaster(
        TRAIN, "Trainer", during=_kill_training_with_checkpoint, after=_damage_checkpoints
    ),
    "plan truncated": Disaster(CACHED, before=_damage_plans),
    "journal entry truncated": Disaster(CACHED, before=_journal_entry('{"pipel')),
    "journal entry of another form": Disaster(CACHED, before=_journal_entry('["x"]')),
    "journal entry without names": Disaster(CACHED, before=_journal_entry("{}")),
    "umask 000": Disaster(before=lambda _: os.umask(0o000), after=lambda _: os.umask(0o022)),
    "umask 077": Disaster(before=lambda _: os.umask(0o077), after=lambda _: os.umask(0o022)),
    "equal run at once": Disaster(TRAIN, "Trainer", during=_second_run(*TRAIN)),
    "other configuration at once": Disaster(
        during=_second_run("--set", "windows.stride=15", "--until", "KeypointExampleGen")
    ),
    "prune during a run": Disaster(TRAIN, "Trainer", during=_lineage("prune", "--keep", "1", "--yes", expect=2)),
}


def happen(scene: Scene, disaster: Disaster) -> list[str]:
    """Let a disaster happen; return exit code and message, those of the next run, and what is left."""
    scene.prepare()
    cells = []
    try:
        disaster.before(scene)
        process = scene.start(disaster.arguments, disaster.limits)
        if disaster.during:
            disaster.during(scene, process, scene.wait_for_executor(process, disaster.node))
        cells += _ended(process)
    finally:
        disaster.after(scene)
    cells += _ended(scene.start(disaster.arguments))
    time.sleep(0.5)
    return [*cells, "\n".join(scene.debris())]


def _ended(process: subprocess.Popen[str]) -> list[str]:
    start = time.monotonic()
    try:
        out, err = process.communicate(timeout=_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return ["hangs", ""]
    said = [line for line in out.splitlines() if "removed what" in line or "waiting" in line or "again" in line]
    return [f"{process.returncode} ({time.monotonic() - start:.0f} s)", "\n".join([*said, err.strip()]).strip()]


def main() -> None:
    """Let the chosen disasters happen and print one paragraph for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="disasters; default: all", metavar="NAME")
    parser.add_argument("--in", dest="folder", type=Path, help="folder that is kept, so that the base run is made once")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - DISASTERS.keys():
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(DISASTERS)}")
    block_heavy_imports()
    os.unshare(os.CLONE_NEWNS)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    with tempfile.TemporaryDirectory(prefix="poseline-disasters-") as temporary:
        scene = Scene(arguments.folder or Path(temporary))
        scene.folder.mkdir(exist_ok=True)
        if not (scene.folder / "base").exists():
            command = [sys.executable, "-m", "pipelines.cli", "data", "synth", "--to", str(scene.folder / "data")]
            subprocess.run([*command, "--subjects", "6", "--repetitions", "1", "--seed", "3"], check=True)
            scene.prepare()
            subprocess.run(scene.command(), cwd=PROJECT_ROOT, check=True)
            subprocess.run(["cp", "-a", str(scene.root), str(scene.folder / "base")], check=True)
        for name in arguments.names or DISASTERS:
            try:
                ended, said, again, said_again, debris = happen(scene, DISASTERS[name])
            except (RuntimeError, AssertionError, OSError, subprocess.SubprocessError) as error:
                print(f"== {name}: {type(error).__name__} {error}", flush=True)
                continue
            print(f"== {name}: {ended}; again: {again}\n{said}\n-- again: {said_again}\n-- left: {debris}", flush=True)
        subprocess.run(["umount", "-l", str(scene.root)], check=False)


if __name__ == "__main__":
    main()
