"""Mirror lists: one address a line, as yum's servers answer."""

from __future__ import annotations

from heliostat.os.tdnf.errors import BASEURL_MISSING, TdnfError

_SCHEMES = ("https", "http", "ftp", "file")


def parse(text: str, where: str) -> tuple[str, ...]:
    """The addresses in the list of ``where``, in its order.  Raises ``TdnfError`` 2500."""
    lines = (line.strip() for line in text.splitlines())
    found = tuple(
        dict.fromkeys(
            line.rstrip("/")
            for line in lines
            if line.partition("://")[0] in _SCHEMES and "://" in line
        )
    )
    if not found:
        raise TdnfError(BASEURL_MISSING, f"{where} names no mirror.")
    return found
