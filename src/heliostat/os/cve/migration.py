"""Databases of knowledge that were made by earlier releases, brought into today's format."""

from __future__ import annotations

import sqlite3

from heliostat.os.inventory.libraries import python_key


def from_format_1(connection: sqlite3.Connection) -> None:
    """Since format 2 Go's and Python's versions have their own order, and names one form.

    Within a transaction of the caller's; a second run changes nothing.
    """
    run = connection.execute
    run("UPDATE statements SET scheme = 'semver' WHERE ecosystem = 'Go'")
    rows = run("SELECT DISTINCT package FROM statements WHERE ecosystem = 'PyPI'").fetchall()
    for (name,) in rows:
        run(
            "UPDATE statements SET scheme = 'pep440', package = ? "
            "WHERE ecosystem = 'PyPI' AND package = ?",
            (python_key(name), name),
        )
    run("PRAGMA user_version = 2")
