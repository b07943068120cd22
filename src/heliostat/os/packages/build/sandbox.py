"""Where builds run: no network, no privileges, a root that can't be written to.

bubblewrap makes the namespaces.  Called by a user, it maps the user to the builder; called
by root, it reaches folders that only root may enter, and the first thing inside becomes the
builder for good, without a capability left.  Only ``/build`` (and ``/kept``) can be written
to; together with the log, which is all that gets out meanwhile, they have a limit.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.build.builder import BUILDER_ID
from heliostat.os.packages.build.input_file import Input
from heliostat.os.packages.build.recipe import Limits
from heliostat.os.turn import in_use

_LOOK_EVERY_S = 5.0
_LINE_BYTES = 1 << 16
"""A longer line counts as several: what is printed must not fill the memory."""
_NAMESPACES = (
    *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-cgroup-try"),
    *("--cap-drop", "ALL"),
    *("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"),
)
_UNPRIVILEGED = ("--unshare-all", "--uid", str(BUILDER_ID), "--gid", str(BUILDER_ID))
_BECOME_BUILDER = (
    *("setpriv", f"--reuid={BUILDER_ID}", f"--regid={BUILDER_ID}", "--clear-groups"),
    *("--inh-caps=-all", "--bounding-set=-all", "--"),
)
_SCRATCH = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108
_SYSTEM = ("bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "var")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The folders that a build sees, and its limits."""

    root: Path
    build: Path
    inputs: tuple[Input, ...] = ()
    kept: Path | None = None
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)

    def argv(
        self, command: Sequence[str], inputs: Mapping[str, Path], *, as_root: bool
    ) -> list[str]:
        """``command`` in the sandbox; ``inputs`` are paths by the names there."""
        binds = [
            part
            for name, path in inputs.items()
            for part in ("--ro-bind", str(path), f"/in/{name}")
        ]
        kept = ["--bind", str(self.kept), "/kept"] if self.kept is not None else []
        variables = [
            part for name, value in self.environment.items() for part in ("--setenv", name, value)
        ]
        return [
            *("bwrap", "--die-with-parent", "--new-session", "--clearenv"),
            *(_NAMESPACES if as_root else _UNPRIVILEGED),
            *("--unshare-uts", "--hostname", "builder"),
            *_system(self.root),
            *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"),
            *(part for path in _SCRATCH for part in ("--perms", "1777", "--tmpfs", path)),
            *(
                "--perms",
                "0755",
                "--dir",
                "/in",
                *binds,
                "--bind",
                str(self.build),
                "/build",
                *kept,
                "--remount-ro",
                "/",
            ),
            *("--chdir", "/build", *variables, "--"),
            *(_BECOME_BUILDER if as_root else ()),
            *command,
        ]

    def run(self, command: Sequence[str], log: Path, on_line: Callable[[str], None]) -> int:
        """The exit code; everything printed goes to ``log``, line by line to ``on_line`` too.

        Raises ``BuildFailed`` when bubblewrap is missing or a limit is passed.
        """
        if shutil.which("bwrap") is None:
            raise HeliostatError(
                "BuildFailed",
                "Builds from source run in bubblewrap, which is not installed.",
                hint="Install it: `apt-get install --no-install-recommends bubblewrap`.",
            )
        as_root = os.geteuid() == 0
        folders = [self.build] if self.kept is None else [self.build, self.kept]
        if as_root:
            for folder in folders:
                os.chown(folder, BUILDER_ID, BUILDER_ID)
        with ExitStack() as stack:
            lock = self.root.parent / f"{self.root.name}.lock"
            if lock.is_file():  # the cache would forget a root that nobody uses
                stack.enter_context(in_use(lock))
            inputs = self._readable(stack) if as_root else _paths(self.inputs)
            argv = self.argv(command, inputs, as_root=as_root)
            stream = stack.enter_context(log.open("wb"))
            process = stack.enter_context(_started(argv))
            watch = _Watch(process, [*folders, log], self.limits)
            watch.start()
            try:
                assert process.stdout is not None
                while raw := process.stdout.readline(_LINE_BYTES):
                    stream.write(raw)
                    on_line(raw.decode(errors="replace").rstrip())
                code = process.wait()
            except BaseException:
                process.kill()
                raise
            finally:
                watch.stop()
        if watch.passed:
            raise HeliostatError("BuildFailed", watch.passed, hint=f"The log: {log}.")
        return code

    def _readable(self, stack: ExitStack) -> dict[str, Path]:
        """The inputs, with copies of those that only their owner may read."""
        paths = _paths(self.inputs)
        for name, path in paths.items():
            if not path.stat().st_mode & stat.S_IROTH:
                folder = Path(stack.enter_context(TemporaryDirectory(dir=self.build.parent)))
                paths[name] = shutil.copyfile(path, folder / "input")
                paths[name].chmod(0o444)
        return paths


class _Watch(threading.Thread):
    """Ends the process once it is over a limit; ``passed`` says which."""

    def __init__(self, process: subprocess.Popen[bytes], written: list[Path], limits: Limits):
        super().__init__(daemon=True)
        self.passed = ""
        self._process, self._written, self._limits = process, written, limits
        self._over = threading.Event()

    def run(self) -> None:
        end = time.monotonic() + self._limits.time_s
        pause_s = _LOOK_EVERY_S
        while not self._over.wait(min(pause_s, max(0.01, end - time.monotonic()))):
            began = time.monotonic()
            if began >= end:
                self._end(f"The build did not end within {self._limits.time_s:g} s.")
            elif (size := sum(map(_size_bytes, self._written))) > self._limits.disk_bytes:
                limit = self._limits.disk_bytes / 2**20
                self._end(f"The build wrote {size / 2**20:.0f} MiB; its limit is {limit:.0f} MiB.")
            # looking through a hundred thousand files is work too: a fiftieth of the time
            pause_s = max(_LOOK_EVERY_S, 50 * (time.monotonic() - began))

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _end(self, why: str) -> None:
        self.passed = why
        self._over.set()
        self._process.kill()


def _system(root: Path) -> list[str]:
    """Each folder of the system, in an empty root that gets the mount points besides."""
    arguments = []
    for path in (root / name for name in _SYSTEM):
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), f"/{path.name}"]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), f"/{path.name}"]
    return arguments


def _paths(inputs: Sequence[Input]) -> dict[str, Path]:
    return {each.name: each.path for each in inputs}


def _started(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """The program, with no file of ours open in it but its output."""
    return subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        umask=0o022,
    )


def _size_bytes(path: Path) -> int:
    """What a file or folder takes on disk; files that go away meanwhile don't count."""
    if path.is_file():
        return path.stat().st_blocks * 512
    total, waiting = 0, [str(path)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total
