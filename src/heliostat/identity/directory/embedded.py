"""The directory: people, groups, service accounts and clients behind one interface.

Kept in the document store; every verb returns after its commit, raises errors
with stable codes, and with ``plan=True`` validates without writing.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from heliostat.identity.decided import Beside, beside
from heliostat.identity.directory.clients import Clients
from heliostat.identity.directory.groups import Groups
from heliostat.identity.directory.sign_in import SignIn


class Directory(SignIn, Groups, Clients):
    """All verbs of the directory: ``Directory(store, clock, ids, options)``."""

    def beside(self, also: Beside) -> AbstractContextManager[None]:
        """A change made inside commits what ``also`` says together with its own."""
        return beside(also)
