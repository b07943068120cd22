"""Whether the system can be changed at all, asked before anything is fetched."""

from __future__ import annotations

import errno
import os

from heliostat.os.tdnf.errors import system_error
from heliostat.os.tdnf.packages.database import folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session


def see_writable(session: Session) -> None:
    """Raises ``TdnfError`` 1630 where the system, its database or our state is read-only.

    A full disk is not looked for here: rpm's test knows what each disk will get.
    """
    folders = (folder_of(session.root), "/usr", "/etc", "/")
    for folder in (*map(session.within, folders), session.persistdir):
        place = _existing(folder)
        if os.statvfs(place).f_flag & os.ST_RDONLY:
            error = OSError(errno.EROFS, os.strerror(errno.EROFS))
            raise system_error(error, f"Changing {place}")


def _existing(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path
