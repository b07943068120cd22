"""Packages that are named by path or address instead of by name."""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import INVALID_ARGUMENT, NO_CACHE, URL_INVALID, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session

_REMOTE = ("http://", "https://", "ftp://")
_SOURCES = (".src.rpm", ".nosrc.rpm")


def package_path(session: Session, name: str) -> str:
    """The file that ``name`` means, fetched if it is elsewhere; empty if it means a name.

    Raises ``TdnfError`` 902 for a source package without ``--source``, and the reverse.
    """
    if not name.endswith(".rpm") or not ("/" in name or os.path.exists(name)):
        return ""
    is_source, wanted = name.endswith(_SOURCES), session.options.source
    if not session.options.builddeps and is_source != wanted:
        kind = "a source package" if is_source else "no source package"
        hint = "--source installs source packages." if is_source else "Leave out --source."
        raise TdnfError(INVALID_ARGUMENT, f"{name} is {kind}.", hint)
    if name.startswith("file://"):
        return name.removeprefix("file://")
    if "://" not in name:
        return os.path.abspath(name)
    if not name.startswith(_REMOTE):
        raise TdnfError(URL_INVALID, f"{name} can't be fetched: http, https, ftp or file.")
    return _fetched(session, name)


def _fetched(session: Session, address: str) -> str:
    from heliostat.os.tdnf.settings.repository import Repository
    from heliostat.os.tdnf.transfer.download import Download, Wire
    from heliostat.os.tdnf.transfer.fetch import fetch
    from heliostat.os.tdnf.transfer.progress import Bar

    if session.options.cacheonly:
        raise TdnfError(NO_CACHE, f"{address} is elsewhere, and -C forbids to fetch it.")
    folder = session.options.downloaddir or os.path.join(session.cachedir, "cmdline", "rpms")
    target = os.path.join(os.path.abspath(folder), os.path.basename(address))
    wire = Wire.of(session, Repository("cmdline", session.configuration))
    download = Download(wire, (), address, target)
    for error in fetch([download], progress=Bar(session.out)).values():
        raise error
    return target
