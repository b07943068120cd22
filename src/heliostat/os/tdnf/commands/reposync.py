"""``reposync``: copies of enabled repositories, as folders that serve as repositories."""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.errors import INVALID_PARAMETER, URL_INVALID, TdnfError, system_error
from heliostat.os.tdnf.packages.pool import nevra
from heliostat.os.tdnf.packages.scopes import by_name_and_arch, newest
from heliostat.os.tdnf.transfer.packages import fetch_packages, package_download

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.metadata.cache import Cached
    from heliostat.os.tdnf.session import Session
    from heliostat.os.tdnf.transfer.download import Download


def reposync(session: Session) -> int:
    """``reposync`` with ``--arch --delete --download-path …`` (the contract's list)."""
    options = session.options
    repositories = session.enabled_repositories()
    if options.norepopath and (options.delete or len(repositories) > 1):
        why = "--delete would take away others' files" if options.delete else "one at a time"
        raise TdnfError(
            INVALID_PARAMETER, f"--norepopath puts files into the folder itself: {why}."
        )
    told: list[dict[str, str]] = []
    for repo in session.packages.repos:
        told += _synchronise(session, repo)
    session.out.value(told)
    return 0


def _synchronise(session: Session, repo: solv.Repo) -> list[dict[str, str]]:
    cached: Cached = repo.appdata
    folder = _folder(session, session.options.download_path, repo.name)
    wanted = [(each, _download(session, cached, each, folder)) for each in chosen(session, repo)]
    if session.options.urls:
        session.out.lines(_address(each) for _, each in wanted)
        return [{"Nevra": nevra(each), "Url": _address(asked)} for each, asked in wanted]
    fetch_packages(session, [each for _, each in wanted])
    if session.options.gpgcheck:
        _check(session, cached, [(nevra(each), asked.target) for each, asked in wanted])
    if session.options.delete:
        _delete_others(folder, {each.target for _, each in wanted})
    if session.options.download_metadata:
        _metadata(session, cached)
    return [{"Nevra": nevra(each), "Path": asked.target} for each, asked in wanted]


def chosen(session: Session, repo: solv.Repo) -> list[solv.XSolvable]:
    """What of a repository is copied, by name."""
    options = session.options
    hidden = set(repo.pool.get_disabled_list())
    packages = [
        each
        for each in repo.solvables
        if each.id not in hidden
        and each.name[:6] != "patch:"
        and (each.archid in (solv.ARCH_SRC, solv.ARCH_NOSRC)) == options.source
        and (not options.arch or each.arch in options.arch)
    ]
    if options.newest_only:
        packages = [newest(group) for group in by_name_and_arch(packages).values()]
    return sorted(packages, key=nevra)


def _folder(session: Session, path: str | None, id: str) -> str:
    folder = os.path.abspath(path or ".")
    return folder if session.options.norepopath else os.path.join(folder, id)


def _download(session: Session, cached: Cached, package: solv.XSolvable, folder: str) -> Download:
    location, _ = package.lookup_location()
    checksum = package.lookup_checksum(solv.SOLVABLE_CHECKSUM)
    told = f"{checksum.typestr()}:{checksum.hex()}" if checksum is not None else ""
    size = package.lookup_num(solv.SOLVABLE_DOWNLOADSIZE)
    elsewhere = "://" in location or location.startswith("/")
    within = os.path.basename(location) if elsewhere else location
    target = os.path.normpath(os.path.join(folder, within))
    if not target.startswith(folder.rstrip("/") + "/"):
        raise TdnfError(URL_INVALID, f"{cached.repository.id} has a package at {location}.")
    return package_download(session, cached, location, target, checksum=told, size=size)


def _address(download: Download) -> str:
    from heliostat.os.tdnf.transfer.failure import without_password

    addresses = download.addresses()
    return without_password(addresses[0][1]) if addresses else download.location


def _check(session: Session, cached: Cached, files: list[tuple[str, str]]) -> None:
    """Packages (NEVRA and path) that no key of the repository vouches for go again.

    Raises the first one's ``TdnfError`` after all were looked at.
    """
    import rpm

    from heliostat.os.tdnf.change.keys import Keys
    from heliostat.os.tdnf.change.words import Words

    refused: list[TdnfError] = []
    with Words() as words:
        keys = Keys(session, rpm.TransactionSet(session.root), words)
        for name, path in files:
            try:
                keys.signer(path, name, cached)
            except TdnfError as error:
                os.unlink(path)
                session.out.warning(f"Removed {path}: {error.sentence}")
                refused.append(error)
    if refused:
        raise refused[0]


def _delete_others(folder: str, kept: set[str]) -> None:
    """Packages that the repository has no more, and parts of such."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name.endswith((".rpm", ".part")) and path not in kept:
                os.unlink(path)


def _metadata(session: Session, cached: Cached) -> None:
    """The index that the packages were chosen by, and every file that it names."""
    from heliostat.os.tdnf.metadata.renewal import read_index

    options = session.options
    path = options.metadata_path or options.download_path
    folder = os.path.join(_folder(session, path, cached.repository.id), "repodata")
    parts = read_index(cached.repomd)
    named = {
        os.path.join(folder, os.path.basename(each.location)): package_download(
            session,
            cached,
            each.location,
            os.path.join(folder, os.path.basename(each.location)),
            checksum=each.checksum,
            size=each.size,
        )
        for each in parts
    }
    fetch_packages(session, list(named.values()))
    try:
        # the index comes last: till then it is not a repository
        for name in ("repomd.xml.asc", "repomd.xml"):
            if os.path.exists(cached.path("repodata", name)):
                _copy(cached.path("repodata", name), os.path.join(folder, name))
        for name in os.listdir(folder) if options.delete else ():
            if os.path.join(folder, name) not in named and not name.startswith("repomd.xml"):
                os.unlink(os.path.join(folder, name))
    except OSError as error:
        raise system_error(error, f"Writing {folder}") from None


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as file:
        data = file.read()
    with open(target + ".part", "wb") as file:
        file.write(data)
    os.replace(target + ".part", target)
