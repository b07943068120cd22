"""What is installed now, as rpm's database says: names with versions, and its cookie.

rpm's own keys (``gpg-pubkey``) are no packages; history leaves them out.
"""

from __future__ import annotations

import rpm

from heliostat.os.tdnf.errors import DATABASE_UNREADABLE, TdnfError
from heliostat.os.tdnf.packages.database import DatabaseOf

KEYS = "gpg-pubkey-"


class System:
    """One state of a root.  The cookie changes whenever rpm's database does."""

    __slots__ = ("cookie", "root")

    def __init__(self, root: str) -> None:
        self.root = root
        self.cookie: str = self._asked().dbCookie()

    def nevras(self) -> frozenset[str]:
        """All packages; read when asked, because it takes as long as there are packages."""
        epoch = "%|EPOCH?{%{EPOCH}:}|"
        form = f"%{{NAME}}-{epoch}%{{VERSION}}-%{{RELEASE}}.%{{ARCH}}"
        headers = self._asked().dbMatch()
        found = (header.sprintf(form) for header in headers)
        return frozenset(each for each in found if not each.startswith(KEYS))

    def _asked(self) -> rpm.TransactionSet:
        with DatabaseOf(self.root):
            try:
                transaction = rpm.TransactionSet(self.root)
                transaction.setVSFlags(rpm.RPMVSF_MASK_NOSIGNATURES | rpm.RPMVSF_MASK_NODIGESTS)
                transaction.openDB()
            except rpm.error as error:
                told = f"rpm's database under {self.root} can't be read: {error}."
                raise TdnfError(DATABASE_UNREADABLE, told) from None
        return transaction


def name_of(nevra: str) -> str:
    """The name in ``name-[epoch:]version-release.arch``."""
    return nevra.rsplit("-", 2)[0]
