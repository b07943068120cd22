"""``clean``: takes away what the cache keeps, kind by kind.

Only what tdnf itself puts there goes, whatever ``cachedir`` names; a repository's folder
goes when it is empty.  No ``.repo`` file is read unless repositories are named, so that a
broken one doesn't keep a full disk full.
"""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import CLEAN_NEEDS_OPTION, CLEAN_UNSUPPORTED, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from heliostat.os.tdnf.session import Session

_INSTALLED = "installed"
_KINDS = {
    "packages": ("rpms",),
    "metadata": ("repodata", "solvcache", "lastrefresh", "mirrors", "mirrors.new"),
    "dbcache": ("solvcache",),
    "keys": ("keys",),
    "expire-cache": ("lastrefresh",),
}
_ALL = tuple(dict.fromkeys(each for kept in _KINDS.values() for each in kept))


def clean(session: Session) -> int:
    """``clean all|packages|metadata|dbcache|keys|expire-cache``; several may be named."""
    kinds = [each.lower() for each in session.arguments]
    if not kinds:
        raise TdnfError(CLEAN_NEEDS_OPTION)
    for each in kinds:
        if each != "all" and each not in _KINDS:
            raise TdnfError(CLEAN_UNSUPPORTED, f"There is nothing called {each} to clean.")
    going = _ALL if "all" in kinds else tuple(name for each in kinds for name in _KINDS[each])
    freed, cleaned = 0, []
    for name, folder in _folders(session):
        before = freed
        freed += _clean_folder(session, name, folder, going)
        if freed > before:
            cleaned.append(name)
    if "solvcache" in going and not session.options.repository_switches:
        freed += _removed(os.path.join(session.cachedir, _INSTALLED))
    from heliostat.os.tdnf.output import size_told

    session.out.value({"Repositories": cleaned, "Bytes": freed})
    session.out.line(f"Cleaning repos: {' '.join(cleaned)}".rstrip())
    session.out.line(f"{size_told(freed)} removed.")
    return 0


def _folders(session: Session) -> list[tuple[str, str]]:
    """Id and folder of every repository that the cache knows, of named ones if some are."""
    cachedir = session.cachedir
    try:
        names = sorted(os.listdir(cachedir))
    except OSError:
        return []
    found = []
    wanted = _wanted(session)
    for name in names:
        id, _, mark = name.rpartition("-")
        ours = len(mark) == 8 and not mark.strip("0123456789abcdef")
        if id and ours and wanted(id):
            found.append((id, os.path.join(cachedir, name)))
    return found


def _wanted(session: Session) -> Callable[[str], bool]:
    if not session.options.repository_switches:
        return lambda _id: True
    enabled = {each.id for each in session.repositories if each.enabled}
    return enabled.__contains__


def _clean_folder(session: Session, name: str, folder: str, going: tuple[str, ...]) -> int:
    from heliostat.os.tdnf.metadata.holding import Hold

    hold = Hold(folder)
    hold.wait(lambda: session.out.remark(f"Waiting for another tdnf that refreshes '{name}'"))
    try:
        freed = sum(_removed(os.path.join(folder, each)) for each in going)
        if not os.listdir(folder):
            os.rmdir(folder)
        return freed
    finally:
        hold.release()


def _removed(path: str) -> int:
    """Takes a file or a tree away; the bytes that it had."""
    if os.path.isdir(path) and not os.path.islink(path):
        freed = sum(_removed(os.path.join(path, name)) for name in os.listdir(path))
        os.rmdir(path)
        return freed
    try:
        size = os.lstat(path).st_size
        os.unlink(path)
    except FileNotFoundError:
        return 0
    return size
