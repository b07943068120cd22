"""The directory: people, groups, service accounts, units, computers and clients.

Kept in the document store; every verb returns after its commit, raises errors
with stable codes, and with ``plan=True`` validates without writing.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from heliostat.identity.decided import Beside, beside
from heliostat.identity.directory.clients import Clients
from heliostat.identity.directory.groups import Groups
from heliostat.identity.directory.searching import Searching
from heliostat.identity.directory.sign_in import SignIn
from heliostat.identity.directory.text_search import TextSearch


class Directory(SignIn, Groups, Searching, TextSearch, Clients):
    """All verbs of the directory: ``Directory(store, clock, ids, options)``."""

    def beside(self, also: Beside) -> AbstractContextManager[None]:
        """A change made inside commits what ``also`` says together with its own."""
        return beside(also)
