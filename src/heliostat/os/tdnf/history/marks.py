"""Which packages came only because others needed them, as ``history.db`` has it."""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import HISTORY, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session

DATABASE = "history.db"
# a name's last flag counts
_LAST_FLAGS = """
select names.name from flag_set join names on names.Id = flag_set.name_id
where flag_set.value = 1 and flag_set.Id in (select max(Id) from flag_set group by name_id)
"""


def automatic_names(session: Session) -> set[str]:
    """Names of packages that nobody asked for; none where there is no history yet."""
    path = os.path.join(session.persistdir, DATABASE)
    if not os.path.exists(path):
        return set()
    import sqlite3

    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return {name for (name,) in database.execute(_LAST_FLAGS)}
        finally:
            database.close()
    except sqlite3.Error as error:
        raise TdnfError(HISTORY, f"{path} can't be read: {error}.") from error
