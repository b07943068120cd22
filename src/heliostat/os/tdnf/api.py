"""The module ``tdnf`` that programs import: its commands as functions with plain results.

Every function takes ``config`` (path of ``tdnf.conf``), ``root``, ``quiet`` and ``refresh``;
changes are made without a question.  Results are what ``tdnf -j`` prints; failures raise
``TdnfError`` with ``number``, ``sentence`` and ``hint``.
"""

from __future__ import annotations

import io
import os
from typing import Any

from heliostat.os.tdnf import VERSION as __version__
from heliostat.os.tdnf.arguments import parse
from heliostat.os.tdnf.commands import command
from heliostat.os.tdnf.errors import NOT_FAILURES, TdnfError
from heliostat.os.tdnf.output import Output
from heliostat.os.tdnf.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

REPOLISTFILTER_ALL = 0
REPOLISTFILTER_ENABLED = 1
REPOLISTFILTER_DISABLED = 2

__all__ = [
    "REPOLISTFILTER_ALL",
    "REPOLISTFILTER_DISABLED",
    "REPOLISTFILTER_ENABLED",
    "Repository",
    "TdnfError",
    "__version__",
    "autoremove",
    "check_update",
    "distro_sync",
    "downgrade",
    "erase",
    "history",
    "info",
    "install",
    "list",
    "makecache",
    "provides",
    "reinstall",
    "repolist",
    "repoquery",
    "run",
    "search",
    "update",
    "updateinfo",
]


class _Result(Output):
    """Keeps the value of a run instead of printing it; progress is for nobody."""

    def __init__(self) -> None:
        super().__init__(json=True, quiet=True, results=io.StringIO(), remarks=io.StringIO())
        self.kept: Any = None

    def value(self, value: Any) -> None:
        if self.kept is None:
            self.kept = value


def run(
    *words: str,
    config: str | None = None,
    root: str = "/",
    quiet: bool = True,
    refresh: bool = False,
    accept: Sequence[int] = (),
) -> Any:
    """Any command with its options, as on the command line; what ``-j`` would print.

    ``accept`` are numbers of errors that leave a value: 1032 that of a plan.  ``quiet`` is
    taken because the C module takes it: nothing is printed either way.
    """
    del quiet
    options = ["-j", "-y", *(["-c", config] if config else []), "--installroot", root]
    invocation = parse([*options, *(["--refresh"] if refresh else []), *words])
    out = _Result()
    session = Session(invocation, out)
    try:
        command(invocation.command, os.geteuid())(session)
    except TdnfError as error:
        if error.number not in (*NOT_FAILURES, *accept):
            raise
    finally:
        session.close()
    return {} if out.kept is None else out.kept


class Text(str):
    """A string that programs written for bytes may decode."""

    __slots__ = ()

    def decode(self, *_: str) -> str:
        return str(self)


class Repository:
    """``id``, ``name``, ``baseurl``, ``metalink`` as text; ``enabled`` as 0 or 1."""

    __slots__ = ("baseurl", "enabled", "id", "metalink", "name")

    def __init__(self, id: str, name: str, baseurl: str, metalink: str, enabled: bool) -> None:
        self.id = Text(id)
        self.name = Text(name)
        self.baseurl = Text(baseurl)
        self.metalink = Text(metalink)
        self.enabled = int(enabled)


def repolist(
    filter: int = REPOLISTFILTER_ENABLED, config: str | None = None, root: str = "/"
) -> Sequence[Repository]:
    """Repositories; ``filter`` is one of ``REPOLISTFILTER_*``, any other means enabled."""
    words = ["-q", *(["-c", config] if config else []), "--installroot", root, "repolist"]
    session = Session(parse(words), _Result())
    wanted = {REPOLISTFILTER_ALL: (True, False), REPOLISTFILTER_DISABLED: (False,)}
    return [
        Repository(each.id, each.name, " ".join(each.baseurl), each.metalink, each.enabled)
        for each in session.repositories
        if each.enabled in wanted.get(filter, (True,))
    ]


def install(pkgs: Sequence[str], **where: Any) -> Any:
    """The steps that were taken, by kind."""
    return run("install", *pkgs, **where)


def update(pkgs: Sequence[str] = (), **where: Any) -> Any:
    """Without ``pkgs`` everything; the steps that were taken, by kind."""
    return run("update", *pkgs, **where)


def downgrade(pkgs: Sequence[str] = (), **where: Any) -> Any:
    """The steps that were taken, by kind."""
    return run("downgrade", *pkgs, **where)


def reinstall(pkgs: Sequence[str], **where: Any) -> Any:
    """The steps that were taken, by kind."""
    return run("reinstall", *pkgs, **where)


def erase(pkgs: Sequence[str], **where: Any) -> Any:
    """The steps that were taken, by kind."""
    return run("erase", *pkgs, **where)


def autoremove(pkgs: Sequence[str] = (), **where: Any) -> Any:
    """The steps that were taken, by kind."""
    return run("autoremove", *pkgs, **where)


def distro_sync(**where: Any) -> Any:
    """The steps that were taken, by kind."""
    return run("distro-sync", **where)


def makecache(**where: Any) -> Any:
    """Fetches the metadata of every enabled repository."""
    return run("makecache", **where)


def list(pkgs: Sequence[str] = (), scope: str = "all", **where: Any) -> Any:
    """Packages of ``scope``, each with ``Name``, ``Arch``, ``Evr`` and ``Repo``."""
    return run("list", scope, *pkgs, **where)


def info(pkgs: Sequence[str] = (), scope: str = "all", **where: Any) -> Any:
    """As ``list``, with description, sizes, licence and address."""
    return run("info", scope, *pkgs, **where)


def search(words: Sequence[str], **where: Any) -> Any:
    """Packages with any of ``words``, each with ``Name`` and ``Summary``."""
    return run("search", *words, **where)


def provides(what: Sequence[str], **where: Any) -> Any:
    """Packages that provide capabilities or own paths."""
    return run("provides", *what, **where)


def repoquery(*words: str, **where: Any) -> Any:
    """``words`` are its options and at most one name."""
    return run("repoquery", *words, **where)


def check_update(pkgs: Sequence[str] = (), **where: Any) -> Any:
    """Newer versions of what is installed."""
    return run("check-update", *pkgs, **where)


def updateinfo(*words: str, **where: Any) -> Any:
    """Advisories; ``words`` are its mode, options and names."""
    return run("updateinfo", *words, **where)


def history(*words: str, **where: Any) -> Any:
    """Transactions; ``words`` are its command and options."""
    return run("history", *words, **where)
