"""A plan as rpm's transaction: filled, asked whether it would work, run.

rpm is asked twice before anything changes: whether dependencies hold, and by a run that
only tests, which finds conflicts of files, full disks and damaged packages.
"""

from __future__ import annotations

import rpm

from heliostat.os.tdnf.change.lock import wait_for_rpm
from heliostat.os.tdnf.change.plan import OBSOLETE, REINSTALL, REMOVE
from heliostat.os.tdnf.errors import (
    DATABASE_UNREADABLE,
    RPM_CHECK,
    SETOPT_INVALID,
    TRANSACTION_FAILED,
    TdnfError,
)
from heliostat.os.tdnf.settings.ini import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.plan import Plan, Step
    from heliostat.os.tdnf.change.watching import Watch
    from heliostat.os.tdnf.session import Session

_FLAGS = {
    "noscripts": rpm.RPMTRANS_FLAG_NOSCRIPTS,
    "nodocs": rpm.RPMTRANS_FLAG_NODOCS,
    "justdb": rpm.RPMTRANS_FLAG_JUSTDB,
    "nodb": rpm.RPMTRANS_FLAG_NODB,
    "nocaps": rpm.RPMTRANS_FLAG_NOCAPS,
    "noconfigs": rpm.RPMTRANS_FLAG_NOCONFIGS,
    "nocontexts": rpm.RPMTRANS_FLAG_NOCONTEXTS,
    "noplugins": rpm.RPMTRANS_FLAG_NOPLUGINS,
    "notriggers": rpm.RPMTRANS_FLAG_NOTRIGGERS,
    "test": rpm.RPMTRANS_FLAG_TEST,
}
_SILENT = "it gives no reason"


def flags_of(session: Session) -> int:
    """``tsflags``: several ``--setopt`` add up and take the place of ``tdnf.conf``'s."""
    given = [
        value
        for key, _, value in (each.partition("=") for each in session.options.setopt)
        if key.strip() == "tsflags"
    ]
    wanted = words(" ".join(given)) if given else session.configuration.tsflags
    flags = 0
    for each in wanted:
        if each.lower() not in _FLAGS:
            told = f"tsflags knows {', '.join(_FLAGS)}, not {each}."
            raise TdnfError(SETOPT_INVALID, told)
        flags |= _FLAGS[each.lower()]
    return flags


def opened(root: str) -> rpm.TransactionSet:
    """A transaction on the root.  Raises ``TdnfError`` 1526 without a usable database."""
    try:
        transaction = rpm.TransactionSet(root)
        transaction.openDB()
    except rpm.error as error:
        told = f"rpm's database under {root} can't be opened: {error}."
        raise TdnfError(DATABASE_UNREADABLE, told) from None
    return transaction


class Transaction:
    """``plan`` in ``transaction`` of rpm; ``files`` are paths of its packages by NEVRA."""

    def __init__(
        self, session: Session, transaction: rpm.TransactionSet, plan: Plan, files: dict[str, str]
    ) -> None:
        self._transaction = transaction
        self._flags = flags_of(session)
        self._install_only = frozenset(session.configuration.installonlypkgs)
        self._reader = rpm.TransactionSet("/")
        self._root = session.root
        self._sources = session.options.source
        if self._sources:
            self._flags |= rpm.RPMTRANS_FLAG_NODB
        self._settle(session)
        for step in plan.bringing:
            self._bring(step, files[step.nevra])
        for step in plan.steps:
            if step.kind in (REMOVE, OBSOLETE):
                self._take(step)
        # the plan has decided about older versions
        filters = rpm.RPMPROB_FILTER_OLDPACKAGE
        if plan.of(REINSTALL):
            filters |= rpm.RPMPROB_FILTER_REPLACEPKG
        transaction.setProbFilter(filters)

    def _settle(self, session: Session) -> None:
        """What rpm itself verifies.  Signatures were compared with the right keys before."""
        options = session.options
        unread = rpm.RPMVSF_MASK_NOSIGNATURES
        if options.skipdigest:
            unread |= rpm.RPMVSF_MASK_NODIGESTS
        self._reader.setVSFlags(unread)
        self._transaction.setVSFlags(unread)
        self._transaction.setVfyLevel(0 if options.skipdigest else rpm.RPMSIG_DIGEST_TYPE)
        self._transaction.cbStyle = 1

    def _bring(self, step: Step, path: str) -> None:
        try:
            with open(path, "rb") as file:
                header = self._reader.hdrFromFdno(file)
        except rpm.error as error:
            hint = f"Nothing was changed; rpm -K {path} says more."
            raise TdnfError(RPM_CHECK, f"rpm can't read {path}: {error}.", hint) from None
        try:
            if step.kind == REINSTALL:
                self._transaction.addReinstall(header, path)
            else:
                mode = "i" if step.name in self._install_only else "u"
                self._transaction.addInstall(header, path, mode)
        except rpm.error as error:
            told = f"rpm doesn't take {step.nevra}: {error or 'it gives no reason'}."
            raise TdnfError(TRANSACTION_FAILED, told) from None

    def _take(self, step: Step) -> None:
        for header in self._transaction.dbMatch("name", step.name):
            if nevra_of(header) == step.nevra:
                self._transaction.addErase(header)

    def test(self, watch: Watch) -> None:
        """Raises ``TdnfError`` 1515 with rpm's reasons if the plan would not work."""
        self._transaction.order()
        problems: list[str] | None = []
        # what a source package requires is needed to build it, not to unpack it
        if not self._sources:
            self._transaction.check()
            problems = [str(each) for each in self._transaction.problems() or ()]
            self._transaction.clean()
        if not problems:
            self._transaction.setFlags(self._flags | rpm.RPMTRANS_FLAG_TEST)
            problems = self._run(watch)
        if problems is not None:
            watch.close()
            told = "; ".join(dict.fromkeys(problems or watch.reasons or [_SILENT]))
            raise TdnfError(RPM_CHECK, f"rpm refuses: {told}.", "Nothing was changed.")

    def run(self, watch: Watch) -> None:
        """Raises ``TdnfError`` 1525 with the packages that rpm could not do."""
        self._transaction.setFlags(self._flags)
        problems = self._run(watch)
        watch.close()
        failed = [each.NEVRA() for each in self._transaction if each.Failed()]
        if problems is not None and not failed and not watch.failed:
            told = f"rpm refused: {'; '.join(problems or watch.reasons or [_SILENT])}."
            raise TdnfError(TRANSACTION_FAILED, told, "Nothing was changed.")
        if failed or watch.failed:
            names = ", ".join(dict.fromkeys([*watch.failed, *failed]))
            reasons = "; ".join(watch.reasons)
            told = f"rpm could not do {names}{': ' if reasons else ''}{reasons}."
            raise TdnfError(TRANSACTION_FAILED, told)

    def _run(self, watch: Watch) -> list[str] | None:
        """What rpm says against it; ``None`` if all was done, nothing if it gave up itself."""
        wait_for_rpm(self._root, watch.out)
        self._transaction.scriptFd = watch.script_output
        with watch:
            problems = self._transaction.run(watch, "")
        return None if problems is None else [str(each) for each, _ in problems]


def nevra_of(header: rpm.hdr) -> str:
    """As ``Step.nevra`` writes it: with the epoch only where there is one."""
    epoch = header[rpm.RPMTAG_EPOCH]
    evr = f"{header[rpm.RPMTAG_VERSION]}-{header[rpm.RPMTAG_RELEASE]}"
    arch = header[rpm.RPMTAG_ARCH] or ""
    return f"{header[rpm.RPMTAG_NAME]}-{f'{epoch}:' if epoch else ''}{evr}.{arch}"
