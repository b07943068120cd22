"""A system for tests of tdnf: a root with an rpm database of its own, and the real program.

Everything lies below one folder: ``root``, ``etc/tdnf`` (outside the root, named by
``-c``) and a home whose macros tell every rpm here where the root's database is.  Each
``run`` is a process, as users start it.

``HELIO_TDNF_ROOT`` names a composed tree whose own tdnf and rpm are to run instead of this
machine's, by ``chroot``; the tests' folder has to be mounted in it at the same place.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import rpm

from heliostat.core.process import Output, run
from heliostat.os.tdnf.entry import main
from heliostat.os.tdnf.packages.database import DatabaseOf
from heliostat.testing.package_set import PackageSet
from heliostat.testing.rpms import DATABASE

_LIMIT_S = 100
TREE_ENV = "HELIO_TDNF_ROOT"


def in_tree() -> tuple[str, ...]:
    """What a command begins with to run in the tree; nothing if there is none."""
    tree = os.environ.get(TREE_ENV)
    return ("chroot", tree) if tree else ()


@dataclass(frozen=True, slots=True)
class Ran:
    """How one run ended."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one value that a run with ``-j`` prints."""
        return json.loads(self.stdout)

    @property
    def error(self) -> int:
        """The number of ``Error(N)``, with and without ``-j``; 0 if there is none."""
        assert "Traceback" not in self.stderr, self.stderr
        assert self.exit_code >= 0, f"killed by signal {-self.exit_code}: {self.stderr}"
        _, told, rest = self.stderr.partition("Error(")
        if told:
            return int(rest.partition(")")[0])
        if "-j" in self.argv and isinstance(self.json, dict):
            return int(self.json.get("Error", 0))
        return 0

    def steps(self, kind: str) -> list[str]:
        """NEVRAs of one kind of a change's JSON."""
        return [f"{each['Name']}-{each['Evr']}.{each['Arch']}" for each in self.json.get(kind, ())]


class TdnfSystem:
    """A root below ``folder``, empty at first, and tdnf for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.etc = folder / "etc" / "tdnf"
        self.repositories = folder / "etc" / "repos"
        self.home = folder / "home"
        for each in (self.root, self.etc, self.repositories, self.home):
            each.mkdir(parents=True)
        (self.home / ".rpmmacros").write_text(f"%_dbpath {DATABASE}\n")
        self.configure()

    @property
    def configuration(self) -> Path:
        return self.etc / "tdnf.conf"

    @property
    def environment(self) -> dict[str, str]:
        """For every program that looks at this system's rpm database."""
        return {**os.environ, "HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def configure(self, **keys: object) -> None:
        """Writes ``tdnf.conf`` anew with these keys of ``[main]``."""
        told: dict[str, object] = {
            "repodir": self.repositories,
            "cachedir": "/var/cache/tdnf",
            "persistdir": "/var/lib/tdnf",
            **keys,
        }
        self.configuration.write_text(_section("main", told))

    def beside(self, folder: str, *lines: str) -> None:
        """Lines for ``locks.d``, ``minversions.d`` or ``protected.d``."""
        place = self.etc / folder
        place.mkdir(exist_ok=True)
        (place / "tests.conf").write_text("".join(f"{line}\n" for line in lines))

    def enable(self, repository: PackageSet, **keys: object) -> None:
        """Its ``.repo`` file, checked by its own key unless ``keys`` say otherwise."""
        told: dict[str, object] = {
            "name": f"The repository {repository.name}",
            "baseurl": repository.url,
            "enabled": 1,
            "gpgcheck": 1,
            "gpgkey": repository.key.resolve().as_uri(),
            **keys,
        }
        path = self.repositories / f"{repository.name}.repo"
        path.write_text(_section(repository.name, told))

    def run(
        self,
        *words: str,
        answer: str = "",
        environment: Mapping[str, str] | None = None,
        limit_s: float = _LIMIT_S,
    ) -> Ran:
        """tdnf with these words; ``answer`` is what is typed."""
        argv = self.argv(*words)
        done = subprocess.run(
            argv,
            input=answer,
            capture_output=True,
            text=True,
            timeout=limit_s,
            env={**self.environment, **(environment or {})},
            cwd=self.folder,
            check=False,
        )
        return Ran(tuple(argv), done.returncode, done.stdout, done.stderr)

    def plan(self, *words: str) -> Ran:
        """What a change would do, found out in this process if it can be; its JSON."""
        if in_tree():
            return self.run("-j", "--assumeno", *words)
        argv = (*self.options, "-j", "--assumeno", *words)
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(argv, "tdnf")
        return Ran(argv, code, out.getvalue(), err.getvalue())

    @property
    def options(self) -> tuple[str, ...]:
        """What makes tdnf see this system."""
        return ("-c", str(self.configuration), "--installroot", str(self.root))

    def argv(self, *words: str) -> list[str]:
        """How ``run`` starts it, for those who start it otherwise."""
        tree = in_tree()
        program = [*tree, "/usr/bin/tdnf"] if tree else [sys.executable, "-m", "heliostat.os.tdnf"]
        return [*program, *self.options, *words]

    def done(self, *words: str) -> Ran:
        """A run with ``-y`` that must end well."""
        ran = self.run("-y", *words)
        assert ran.exit_code == 0, f"{words}: {ran.exit_code}\n{ran.stdout}\n{ran.stderr}"
        return ran

    def rpm(self, *words: str, root: Path | None = None) -> Output:
        """The program ``rpm`` on the root, or on a copy of it; raises ``CommandFailed``."""
        # only Debian's rpm asks for it
        changes = words[0] in ("-U", "-i", "-e") and not in_tree()
        options = ["--force-debian"] if changes else []
        argv = [*in_tree(), "rpm", "--root", str(root or self.root), *options, *words]
        return run(argv, timeout_s=_LIMIT_S, env=self.environment)

    def install_by_rpm(self, *paths: Path) -> None:
        """Packages into the database alone, whatever they need: a system's past."""
        with DatabaseOf(str(self.root)):
            transaction = rpm.TransactionSet(str(self.root), -1)
            transaction.setFlags(rpm.RPMTRANS_FLAG_JUSTDB | rpm.RPMTRANS_FLAG_NOSCRIPTS)
            transaction.setProbFilter(~0)
            opened: list[BinaryIO] = []
            for path in paths:
                with path.open("rb") as file:
                    transaction.addInstall(transaction.hdrFromFdno(file), path, "i")
            problems = transaction.run(partial(_opened, opened), None)
            assert not problems, problems
            transaction.closeDB()

    def holds(self, repository: PackageSet, *nevras: str) -> None:
        """Packages of the set that are installed before the test begins."""
        self.install_by_rpm(*(repository.paths[each] for each in nevras))

    def installed(self, root: Path | None = None) -> list[str]:
        """NEVRAs by rpm's own database, sorted; the epoch only where there is one."""
        epoch = "%|EPOCH?{%{EPOCH}:}|"
        form = f"%{{NAME}}-{epoch}%{{VERSION}}-%{{RELEASE}}.%{{ARCH}}\\n"
        lines = self.rpm("-qa", "--qf", form, root=root).stdout.splitlines()
        return sorted(line for line in lines if not line.startswith("gpg-pubkey-"))


def _opened(opened: list[BinaryIO], reason: int, _a: int, _b: int, path: Any, _c: Any) -> Any:
    """rpm's callback: it asks for a package's file when its turn comes."""
    if reason == rpm.RPMCALLBACK_INST_OPEN_FILE:
        opened.append(path.open("rb"))
        return opened[-1].fileno()
    if reason == rpm.RPMCALLBACK_INST_CLOSE_FILE:
        opened.pop().close()
    return None


def _section(name: str, keys: Mapping[str, object]) -> str:
    lines = [f"{key}={_text(value)}" for key, value in keys.items()]
    return "\n".join([f"[{name}]", *lines]) + "\n"


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
