"""Carrying out a plan: every file fetched and verified first, then one rpm transaction."""

from __future__ import annotations

import os

import rpm
import solv

from heliostat.os.tdnf.change.plan import DOWNGRADE, REINSTALL, REMOVE
from heliostat.os.tdnf.errors import CHECKSUM_MISMATCH, TRANSACTION_FAILED, TdnfError
from heliostat.os.tdnf.transfer.download import Download, Wire
from heliostat.os.tdnf.transfer.fetch import fetch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO

    from heliostat.os.tdnf.change.plan import Plan, Step
    from heliostat.os.tdnf.session import Session


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
        files[step.nevra] = os.path.join(folder, os.path.basename(step.location))
        wire = Wire(cached.repository, session.configuration)
        downloads.append(
            Download(
                wire,
                cached.repository.baseurl,
                step.location,
                files[step.nevra],
                size=step.download_bytes or None,
                verify=_verifier(step),
            )
        )
    missing = [each for each in downloads if not os.path.exists(each.target)]
    parallel = session.configuration.max_parallel_downloads
    for error in fetch(missing, parallel=parallel).values():
        raise error
    return files


def _verifier(step: Step) -> Callable[[str], None]:
    def verify(path: str) -> None:
        kind, _, wanted = step.checksum.partition(":")
        checksum = solv.Chksum(getattr(solv, f"REPOKEY_TYPE_{kind.upper()}"))
        with open(path, "rb") as file:
            checksum.add_fd(file.fileno())
        if checksum.hex() != wanted:
            raise TdnfError(CHECKSUM_MISMATCH, f"{step.nevra} is not what its metadata says.")

    return verify
