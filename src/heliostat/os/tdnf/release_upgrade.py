"""``heliostat-upgrade``: moves a system to the next release's repositories, and back.

Nothing is changed before all of this holds: the next release's repositories answer and are
that release, every key that packages are checked by is there, and disks have room.  Then it
is one transaction of tdnf's, with its journal and its history; ``--back`` undoes that one.
``persistdir/upgrade.json`` remembers what was moved, from where.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys

from heliostat.os.tdnf import api
from heliostat.os.tdnf.arguments import parse
from heliostat.os.tdnf.change.asking import answered
from heliostat.os.tdnf.ending import ended
from heliostat.os.tdnf.errors import (
    ABORTED,
    DISTROVERPKG_UNREADABLE,
    INVALID_ARGUMENT,
    NO_HISTORY,
    SYSTEM,
    TdnfError,
)
from heliostat.os.tdnf.metadata.cache import Cached
from heliostat.os.tdnf.metadata.keys import public_keys
from heliostat.os.tdnf.output import Output, size_told
from heliostat.os.tdnf.packages.release import release_version
from heliostat.os.tdnf.session import Session
from heliostat.os.tdnf.settings.edit import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

ADDRESS = "heliostat_repos"
STATE = "upgrade.json"
_LIST = "tdnf history list shows all."
# room beyond what packages say: indexes, the database, what scripts write
SPARE_BYTES = 64 * 1024 * 1024
USAGE = """\
Usage: heliostat-upgrade [options] [RELEASE]

Moves the system to RELEASE (by default the one after this).

  --plan               look at everything and change nothing
  --repos ADDRESS      where the next release's repositories are, if they are elsewhere
  --back               undo the last upgrade
  -y, --assumeyes      don't ask
  -j, --json           write one JSON value
  -c, --config FILE    settings of tdnf
  --installroot DIR    work on the system in a folder
  -h, --help           this"""


class Upgrade:
    """One system's move.  Raises ``TdnfError`` with nothing changed, unless rpm failed (1525)."""

    def __init__(self, root: str = "/", config: str | None = None) -> None:
        self._where: dict[str, Any] = {"root": root, "config": config}
        self._session = self._session_for([])

    def _session_for(self, options: Sequence[str]) -> Session:
        config = self._where["config"]
        words = [*(["-c", config] if config else []), *options]
        root = str(self._where["root"])
        quiet = Output(json=False, quiet=True)
        return Session(parse([*words, "--installroot", root, "list"]), quiet)

    @property
    def release(self) -> str:
        """The one that the system is."""
        return release_version(self._session)

    def plan(self, release: str, address: str | None) -> dict[str, Any]:
        """What moving would do, everything checked: steps by kind and bytes."""
        options = self._options(release, address)
        self._see_keys(options)
        steps = self._steps(options)
        self._see_release(steps, release)
        bringing = [each for kind in ("Install", "Upgrade") for each in steps.get(kind, ())]
        need = sum(each["InstallSize"] for each in bringing) + SPARE_BYTES
        self._see_room(need)
        return {"From": self.release, "To": release, "NeededBytes": need, **steps}

    def move(self, release: str, address: str | None) -> dict[str, Any]:
        """Does it; ``plan`` has been looked at."""
        before = self._variable()
        # a system that came as an image has no history to go back in yet
        api.run("history", "update", **self._where)
        told = {"from": self.release, "to": release, "address": before, "last": self._last()}
        self._remember(told)
        done: dict[str, Any] = api.run(
            *self._options(release, address), "distro-sync", **self._where
        )
        if address is not None:
            self._set_variable(address)
        return done

    def back(self) -> dict[str, Any]:
        """Undoes the upgrade that is remembered, with all that came after it."""
        told = self.remembered()
        first = told["last"] + 1
        if first > self._last():
            os.unlink(self._state)
            raise TdnfError(NO_HISTORY, "The last upgrade ended before it changed anything.", _LIST)
        options = self._options(told["from"], told["address"])
        words = ("history", "undo", "--from", str(first), "--to", str(self._last()))
        done: dict[str, Any] = api.run(*options, *words, **self._where)
        if told["address"] is not None:
            self._set_variable(told["address"])
        os.unlink(self._state)
        return done

    def _options(self, release: str, address: str | None) -> list[str]:
        options = ["--releasever", release, "--refresh"]
        if address is not None:
            options.append(f"--setopt=varsdir={self._variables_with(address)}")
        return options

    def _variables_with(self, address: str) -> str:
        """A folder with the system's variables, but another address."""
        folder = os.path.join(self._session.persistdir, "upgrade-vars")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for place in reversed(self._session.configuration.varsdir):
            source = self._session.within(place)
            if os.path.isdir(source):
                shutil.copytree(source, folder, dirs_exist_ok=True)
        write_whole(os.path.join(folder, ADDRESS), address + "\n")
        # a root is put before it where it is read
        return "/" + os.path.relpath(folder, str(self._where["root"]))

    def _see_keys(self, options: Sequence[str]) -> None:
        session = self._session_for(options)
        for each in session.enabled_repositories():
            if each.gpgcheck or each.repo_gpgcheck:
                public_keys(session, Cached(each, os.path.join(session.cachedir, each.cache_name)))

    def _steps(self, options: Sequence[str]) -> dict[str, Any]:
        try:
            found = api.run(*options, "--assumeno", "distro-sync", **self._where, accept=(ABORTED,))
        except TdnfError as error:
            raise TdnfError(
                error.number, f"The next release: {error.sentence}", error.hint
            ) from error
        return dict(found or {})

    def _see_release(self, steps: dict[str, Any], release: str) -> None:
        if release == self.release:
            told = f"The system is release {release} already."
            raise TdnfError(INVALID_ARGUMENT, told, "tdnf update brings its updates.")
        versions = {
            each["Evr"].rpartition("-")[0]
            for kind in ("Install", "Upgrade", "Downgrade")
            for each in steps.get(kind, ())
            if each["Name"] in self._release_packages()
        }
        if release not in versions:
            told = f"The repositories don't have release {release}."
            raise TdnfError(DISTROVERPKG_UNREADABLE, told, "See --repos, and tdnf repolist.")

    def _release_packages(self) -> set[str]:
        pool = self._session.installed_packages.pool
        pool.createwhatprovides()
        wanted = self._session.configuration.distroverpkg
        return {each.name for name in wanted for each in pool.whatprovides(pool.Dep(name))}

    def _see_room(self, need: int) -> None:
        for place in ("/usr", self._session.configuration.cachedir):
            path = self._session.within(place)
            while not os.path.exists(path):
                path = os.path.dirname(path)
            free = shutil.disk_usage(path).free
            if free < need:
                told = f"{path} has {size_told(free)} free, and {size_told(need)} are needed."
                hint = "tdnf clean all, then look at the largest folders."
                raise TdnfError(SYSTEM + errno.ENOSPC, told, hint)

    def _last(self) -> int:
        listed = api.run("history", "list", **self._where) or []
        return max((each["Id"] for each in listed), default=0)

    @property
    def _state(self) -> str:
        return os.path.join(self._session.persistdir, STATE)

    def _remember(self, told: dict[str, Any]) -> None:
        os.makedirs(self._session.persistdir, exist_ok=True)
        write_whole(self._state, json.dumps(told) + "\n")

    def remembered(self) -> dict[str, Any]:
        """What was moved and from where; ``TdnfError`` 1802 if nothing was."""
        try:
            with open(self._state, encoding="utf-8") as file:
                told: dict[str, Any] = json.load(file)
        except (OSError, ValueError):
            told = {}
        if not told:
            raise TdnfError(NO_HISTORY, "No upgrade is remembered.", _LIST)
        return told

    def _variable_path(self) -> str:
        paths = [
            os.path.join(self._session.within(each), ADDRESS)
            for each in self._session.configuration.varsdir
        ]
        return next((each for each in paths if os.path.exists(each)), paths[0])

    def _variable(self) -> str | None:
        try:
            with open(self._variable_path(), encoding="utf-8") as file:
                return file.readline().strip()
        except OSError:
            return None

    def _set_variable(self, address: str) -> None:
        path = self._variable_path()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_whole(path, address + "\n")


def following(release: str) -> str:
    """The release after ``release``.  Raises ``TdnfError`` where that isn't a number."""
    if not release.isdigit():
        told = f"Release {release} is no number: name the one to go to."
        raise TdnfError(INVALID_ARGUMENT, told)
    return str(int(release) + 1)


class _Call:
    """What the command line says."""

    def __init__(self, words: list[str]) -> None:
        self.root, self.config, self.address = "/", None, None
        self.plan = self.back = self.yes = self.json = self.help = False
        self.release = ""
        valued = {
            "--repos": "address",
            "-c": "config",
            "--config": "config",
            "--installroot": "root",
        }
        switches = {"-y": "yes", "--assumeyes": "yes", "-j": "json", "--json": "json", "-h": "help"}
        switches |= {f"--{name}": name for name in ("plan", "back", "help")}
        while words:
            word, equals, value = words.pop(0).partition("=")
            if word in switches and not equals:
                setattr(self, switches[word], True)
            elif word in valued and (equals or words):
                setattr(self, valued[word], value if equals else words.pop(0))
            elif word.startswith("-") or self.release:
                raise TdnfError(INVALID_ARGUMENT, f"{word} is not understood.", USAGE)
            else:
                self.release = word


def main(argv: Sequence[str] | None = None) -> int:
    """The program; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    out = Output(json="-j" in words or "--json" in words)
    return ended(out, f"heliostat-upgrade {' '.join(words)}", lambda: _run(_Call(words), out))


def _run(call: _Call, out: Output) -> int:
    if call.help:
        out.line(USAGE)
        return 0
    upgrade = Upgrade(call.root, call.config)
    if call.back:
        told = upgrade.remembered()
        out.line(f"From release {told['to']} back to {told['from']}, with all changes since.")
        _see_agreed(call, out)
        out.value(upgrade.back())
        out.line(f"The system is release {Upgrade(call.root, call.config).release} again.")
        return 0
    release = call.release or following(upgrade.release)
    plan = upgrade.plan(release, call.address)
    counts = [f"{len(steps)} {kind.lower()}" for kind, steps in plan.items() if _is_steps(steps)]
    out.line(f"From release {plan['From']} to {release}: {', '.join(counts)}.")
    out.line(f"{size_told(plan['NeededBytes'])} are needed, keys are there, disks have room.")
    if call.plan:
        out.value(plan)
        return 0
    _see_agreed(call, out)
    out.value(upgrade.move(release, call.address))
    out.line(f"The system is release {release}; restart it.  heliostat-upgrade --back undoes this.")
    return 0


def _see_agreed(call: _Call, out: Output) -> None:
    if not call.yes and (out.json or not answered(out)):
        raise TdnfError(ABORTED, "Nothing was changed, as you chose.")


def _is_steps(value: object) -> bool:
    return isinstance(value, list)
