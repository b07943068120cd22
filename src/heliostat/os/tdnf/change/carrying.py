"""Carrying out a plan: every file fetched and verified first, then one rpm transaction."""

from __future__ import annotations

import os

import rpm

from heliostat.os.tdnf.change.plan import DOWNGRADE, REINSTALL, REMOVE
from heliostat.os.tdnf.errors import TRANSACTION_FAILED, TdnfError
from heliostat.os.tdnf.transfer.packages import fetch_packages, package_download

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from heliostat.os.tdnf.change.plan import Plan
    from heliostat.os.tdnf.session import Session
    from heliostat.os.tdnf.transfer.download import Download


def carry_out(session: Session, plan: Plan) -> None:
    """Makes the system what ``plan`` says.  Raises ``TdnfError``; then nothing was begun."""
    files = fetched(session, plan)
    if session.options.downloadonly:
        return
    transaction = rpm.TransactionSet(session.root)
    for step in plan.bringing:
        with open(files[step.nevra], "rb") as file:
            header = transaction.hdrFromFdno(file)
        mode = "i" if step.name in session.configuration.installonlypkgs else "u"
        if step.kind == REINSTALL:
            transaction.addReinstall(header, files[step.nevra])
        else:
            transaction.addInstall(header, files[step.nevra], mode)
    for step in plan.of(REMOVE):
        transaction.addErase(step.nevra)
    transaction.order()
    if any(step.kind == DOWNGRADE for step in plan.steps):
        transaction.setProbFilter(rpm.RPMPROB_FILTER_OLDPACKAGE)
    problems = transaction.run(_Opener(), "")
    if problems:
        told = "; ".join(str(words) for words, _ in problems)
        raise TdnfError(TRANSACTION_FAILED, f"rpm refused: {told}.")


class _Opener:
    """rpm asks for each package's file when its turn comes."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None

    def __call__(self, reason: int, _amount: int, _total: int, key: Any, _data: Any) -> int | None:
        if reason == rpm.RPMCALLBACK_INST_OPEN_FILE:
            self._file = open(key, "rb")  # noqa: SIM115 - closed when rpm says so
            return self._file.fileno()
        if reason == rpm.RPMCALLBACK_INST_CLOSE_FILE and self._file is not None:
            self._file.close()
        return None


def fetched(session: Session, plan: Plan) -> dict[str, str]:
    """Paths of the packages that the plan brings, by NEVRA, each what its metadata says."""
    places = {each.name: each.appdata for each in session.packages.repos}
    files: dict[str, str] = {}
    downloads: list[Download] = []
    for step in plan.bringing:
        cached = places.get(step.repo)
        if cached is None:
            files[step.nevra] = step.location
            continue
        folder = session.options.downloaddir or cached.path("rpms")
        files[step.nevra] = target = os.path.join(folder, os.path.basename(step.location))
        size = step.download_bytes
        downloads.append(
            package_download(
                session, cached, step.location, target, checksum=step.checksum, size=size
            )
        )
    fetch_packages(session, downloads)
    return files
