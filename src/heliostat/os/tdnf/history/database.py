"""``history.db``: each transaction with what came and went, in the tables of the C tdnf.

The first transaction is a base with everything that was installed; each later one is a
difference.  Every change is one SQLite transaction: a run that ends in its middle leaves
the file as it was.  A file that can't be read is never written to.
"""

from __future__ import annotations

import os
import sqlite3

from heliostat.os.tdnf.errors import HISTORY, NO_HISTORY, TdnfError
from heliostat.os.tdnf.history.system import KEYS, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from heliostat.os.tdnf.history.system import System

NAME = "history.db"
LEGACY = "autoinstalled"
UNKNOWN = "(unknown)"
_BASE, _DELTA = 0, 1
_SET, _ADD, _REMOVE = 0, 1, 2
_WAIT_S = 10
_TABLES = """
create table if not exists rpms(Id integer primary key autoincrement, nevra text);
create table if not exists names(Id integer primary key autoincrement, name text);
create table if not exists flag_set(Id integer primary key autoincrement,
    trans_id integer, name_id integer, value integer);
create table if not exists transactions(Id integer primary key autoincrement,
    cookie text, cmdline text, timestamp integer, type integer);
create table if not exists trans_items(Id integer primary key autoincrement,
    trans_id integer, type integer, rpm_id integer);
"""
# a name's last flag up to a transaction counts
_MARKED = """
select names.name from flag_set join names on names.Id = flag_set.name_id
where flag_set.value = 1 and flag_set.Id in
    (select max(Id) from flag_set where trans_id <= ? group by name_id)
"""
_LAST = 1 << 62


class Past:
    """One transaction of the past; ``added`` and ``removed`` are sorted NEVRAs."""

    __slots__ = ("added", "command", "id", "removed", "time_s")

    def __init__(
        self, id: int, command: str, time_s: int, added: list[str], removed: list[str]
    ) -> None:
        self.id = id
        self.command = command
        self.time_s = time_s
        self.added = added
        self.removed = removed


class History:
    """The database in ``folder``; ``with History(folder) as history:``.

    Raises ``TdnfError`` 1802 if there is none (unless ``create``), 1801 if it is damaged,
    locked by somebody else, or can't be written.
    """

    def __init__(self, folder: str, *, create: bool = False) -> None:
        self._folder = folder
        self.path = os.path.join(folder, NAME)
        if not create and not os.path.exists(self.path):
            raise TdnfError(NO_HISTORY)
        self._create = create

    def __enter__(self) -> History:
        if self._create:
            os.makedirs(self._folder, exist_ok=True)
        self._database = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
        try:
            self._database.execute("pragma quick_check")
            self._tables = self._named_tables()
        except sqlite3.Error as error:
            self._database.close()
            raise self._refused(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()
        if isinstance(error, sqlite3.Error):
            raise self._refused(error) from error

    def _refused(self, error: sqlite3.Error) -> TdnfError:
        if "lock" in str(error):
            told = f"{self.path} is held by another program: {error}."
            return TdnfError(HISTORY, told, "Try again when it has ended.")
        told = f"{self.path} can't be used: {error}."
        hint = "Move it away, and tdnf history init begins a new one; restoring a copy keeps more."
        return TdnfError(HISTORY, told, hint)

    def _named_tables(self) -> set[str]:
        rows = self._database.execute("select name from sqlite_master where type = 'table'")
        return {name for (name,) in rows}

    @property
    def last(self) -> int:
        """The newest transaction's id; 0 if there is none."""
        if "transactions" not in self._tables:
            return 0
        return self._number("select max(Id) from transactions")

    @property
    def cookie(self) -> str:
        """Of rpm's database after the newest transaction."""
        query = "select cookie from transactions where Id = ?"
        row = self._database.execute(query, (self.last,)).fetchone()
        return str(row[0]) if row else ""

    def _number(self, query: str, *values: object) -> int:
        row = self._database.execute(query, values).fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def past(self, first: int = 1, last: int = _LAST) -> list[Past]:
        """Transactions with these ids, the oldest first."""
        if not self.last:
            return []
        query = (
            "select Id, cmdline, timestamp from transactions where Id between ? and ? order by Id"
        )
        return [
            Past(id, command or "", time_s or 0, *self._items(id))
            for id, command, time_s in self._database.execute(query, (first, last)).fetchall()
        ]

    def _items(self, id: int) -> tuple[list[str], list[str]]:
        query = (
            "select trans_items.type, rpms.nevra from trans_items"
            " join rpms on rpms.Id = trans_items.rpm_id where trans_id = ?"
        )
        added: list[str] = []
        removed: list[str] = []
        for kind, nevra in self._database.execute(query, (id,)):
            if not nevra.startswith(KEYS):
                (removed if kind == _REMOVE else added).append(nevra)
        return sorted(added), sorted(removed)

    def state(self, id: int) -> frozenset[str]:
        """What was installed after transaction ``id``: its base and all differences since."""
        found: set[str] = set()
        if not self.last:
            return frozenset(found)
        base = "select max(Id) from transactions where type = ? and Id <= ?"
        for each in self.past(self._number(base, _BASE, id), id):
            found -= set(each.removed)
            found |= set(each.added)
        return frozenset(found)

    def automatic(self, id: int = _LAST) -> frozenset[str]:
        """Names that nobody had asked for after transaction ``id``."""
        if "flag_set" not in self._tables:
            return legacy_names(self._folder)
        return frozenset(name for (name,) in self._database.execute(_MARKED, (id,)))

    def follow(
        self,
        system: System,
        time_s: int,
        command: str = UNKNOWN,
        marks: Mapping[str, bool] | None = None,
    ) -> bool:
        """Takes in what ``system`` has become; whether there was anything.

        A new database begins with a base.  ``marks`` say of names whether they came only
        for others; what somebody else brought counts as asked for.
        """
        if self.last and self.cookie == system.cookie and not marks:
            return False
        new = system.nevras()
        old = self.state(self.last)
        if command == UNKNOWN:
            strangers = {name_of(each) for each in new} - {name_of(each) for each in old}
            marks = dict.fromkeys(strangers & self.automatic(), False)
        self._database.execute("begin immediate")
        try:
            self._write(system.cookie, command, time_s, old, new, marks or {})
        except BaseException:
            # SQLite has taken it back itself where the disk is full
            if self._database.in_transaction:
                self._database.execute("rollback")
            raise
        self._database.execute("commit")
        return True

    def _write(
        self,
        cookie: str,
        command: str,
        time_s: int,
        old: frozenset[str],
        new: frozenset[str],
        marks: Mapping[str, bool],
    ) -> None:
        inherited = frozenset() if "flag_set" in self._tables else legacy_names(self._folder)
        for statement in _TABLES.split(";\n"):
            self._database.execute(statement)
        self._tables = self._named_tables()
        if not self.last:
            self._begin("(set)", _BASE, cookie, time_s, {_SET: new}, dict.fromkeys(inherited, True))
            return
        differences = {_ADD: new - old, _REMOVE: old - new}
        kept = {**dict.fromkeys(inherited, True), **marks}
        self._begin(command, _DELTA, cookie, time_s, differences, kept)

    def _begin(
        self,
        command: str,
        kind: int,
        cookie: str,
        time_s: int,
        items: Mapping[int, Iterable[str]],
        marks: Mapping[str, bool],
    ) -> None:
        insert = "insert into transactions(cookie, cmdline, timestamp, type) values (?, ?, ?, ?)"
        id = self._database.execute(insert, (cookie, command, time_s, kind)).lastrowid
        insert = "insert into trans_items(trans_id, type, rpm_id) values (?, ?, ?)"
        for item, nevras in items.items():
            numbers = self._numbers("rpms", "nevra", sorted(nevras))
            self._database.executemany(insert, [(id, item, each) for each in numbers])
        insert = "insert into flag_set(trans_id, name_id, value) values (?, ?, ?)"
        known = self.automatic()
        changed = sorted(name for name, value in marks.items() if value != (name in known))
        numbers = self._numbers("names", "name", changed)
        rows = [(id, each, int(marks[name])) for each, name in zip(numbers, changed, strict=True)]
        self._database.executemany(insert, rows)

    def _numbers(self, table: str, column: str, words: Sequence[str]) -> list[int]:
        """Ids of ``words``, new ones for those that are not there.

        The C tdnf's tables have no index, so they are read once and not once a word.
        """
        # both names are this module's own
        query = f"select {column}, Id from {table}"  # noqa: S608
        known: dict[str, int] = dict(self._database.execute(query)) if words else {}
        insert = f"insert into {table}({column}) values (?)"  # noqa: S608
        for each in words:
            if each not in known:
                known[each] = int(self._database.execute(insert, (each,)).lastrowid or 0)
        return [known[each] for each in words]


def legacy_names(folder: str) -> frozenset[str]:
    """The file by which older versions remembered what came for others, a name a line."""
    try:
        with open(os.path.join(folder, LEGACY), encoding="utf-8") as file:
            return frozenset(line.strip() for line in file if line.strip())
    except FileNotFoundError:
        return frozenset()
