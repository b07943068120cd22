"""Carrying out a plan: fetched, verified, tried, written down, and only then done.

Order is all here: whatever can be refused is refused before the journal is written, and
the journal is on disk before rpm touches the system.
"""

from __future__ import annotations

import os
import time

import rpm

from heliostat.os.tdnf.change import journal
from heliostat.os.tdnf.change.fetching import fetched, places_of
from heliostat.os.tdnf.change.keys import Keys
from heliostat.os.tdnf.change.limits import FewFiles
from heliostat.os.tdnf.change.room import see_writable
from heliostat.os.tdnf.change.transaction import Transaction, opened
from heliostat.os.tdnf.change.watching import Watch
from heliostat.os.tdnf.change.words import Words, define, settle_accounts, verbosity
from heliostat.os.tdnf.errors import TdnfError
from heliostat.os.tdnf.history.recording import catch_up, record
from heliostat.os.tdnf.packages.database import DatabaseOf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.plan import Plan
    from heliostat.os.tdnf.metadata.cache import Cached
    from heliostat.os.tdnf.session import Session


def carry_out(session: Session, plan: Plan) -> None:
    """Makes the system what ``plan`` says.

    Raises ``TdnfError``: any but 1525 says that nothing was begun.
    """
    level = verbosity(session.options.rpmverbosity)
    if not session.options.downloadonly:
        see_writable(session)
    places = places_of(session, plan)
    files = fetched(session, plan, places)
    entry = journal.Entry(plan, files, session.invocation.argv, int(time.time()))
    with DatabaseOf(session.root), Words() as words:
        rpm.setVerbosity(level)
        settle_accounts()
        define(session.options.rpmdefine)
        transaction = opened(_root(session))
        _verify(Keys(session, transaction, words), session, entry, places)
        if session.options.downloadonly:
            return
        filled = Transaction(session, transaction, plan, files)
        session.out.remark("Testing transaction")
        filled.test(Watch(session.out, words, quiet=True))
        if session.options.testonly:
            return
        _run(session, filled, entry, words)
    if not session.configuration.keepcache:
        _forget(session, files, places)


def _root(session: Session) -> str:
    """Where rpm works.  It puts sources below an install root twice, so there it gets none."""
    if not session.options.source or session.root == "/":
        return session.root
    for macro in ("_dbpath", "_topdir"):
        rpm.addMacro(macro, session.within(rpm.expandMacro(f"%{macro}")))
    return "/"


def _verify(keys: Keys, session: Session, entry: journal.Entry, places: dict[str, Cached]) -> None:
    """Every file is signed by whom it must be, where the repository asks for that."""
    if session.options.nogpgcheck or session.options.skipsignature:
        return
    for step in entry.plan.bringing:
        cached = places.get(step.repo)
        wanted = cached.repository.gpgcheck if cached else session.configuration.gpgcheck
        if wanted:
            keys.check(entry.files[step.nevra], step.nevra, cached)


def _run(session: Session, filled: Transaction, entry: journal.Entry, words: Words) -> None:
    """From the journal to its end.  A failure of rpm ends it too: history has what was done.

    Where history can't have it, the journal stays, and the next run says what is done.
    """
    catch_up(session)
    session.out.remark("Running transaction")
    journal.write(session.persistdir, entry)
    failed: TdnfError | None = None
    try:
        with FewFiles(session.configuration.openmax):
            filled.run(Watch(session.out, words))
    except TdnfError as error:
        failed = error
    try:
        record(session, entry)
        journal.remove(session.persistdir)
    except TdnfError as error:
        told = f"{failed.sentence if failed else 'The system was changed.'}  {error.sentence}"
        hint = "The next run says what is done; tdnf history redo --last completes it."
        raise TdnfError((failed or error).number, told, hint) from None
    if failed:
        raise failed


def _forget(session: Session, files: dict[str, str], places: dict[str, Cached]) -> None:
    """Packages leave the cache once they are installed; other folders are not ours."""
    folders = [each.path("rpms") + os.sep for each in places.values()]
    folders.append(os.path.join(session.cachedir, "cmdline", ""))
    for path in files.values():
        if path.startswith(tuple(folders)):
            os.unlink(path)
