"""What every directory does, whoever keeps its people.

``People`` is what signing in asks; ``ReadableDirectory`` is what can be read, also of one that is
never written to; ``Directory`` is all of it: a protocol for each noun, and searching them.  The
API's ports are these, too, so a verb is signed once.  Every implementation
promises (``tests/identity/directory`` holds each of them to it):

* ``authenticate`` answers a wrong password, an unknown name, a disabled and a locked
  one alike, after the same work, and counts the attempt for all controllers.
* ``Person.stamp`` changes whenever sessions must end: a password was set, the person
  was disabled, or deleted and made again.
* Groups are effective ones: those in groups are followed; circles are refused.
* Names are found in all three spellings and any case.  Users, groups and service
  accounts share one name space; computers have their own.
* A verb returns once its change is durable, raises errors with stable codes, and with
  ``plan=True`` validates without writing.
* Units are named by path (``engineering/emea``; in any case).  The containers in
  ``units.CONTAINERS`` are always there, and hold what was put into no other unit.
* POSIX numbers are given once, from ``FIRST_NUMBER``, and never to somebody else.
"""

from __future__ import annotations

from typing import Protocol

from heliostat.identity.directory.contract.accounts import AccountVerbs
from heliostat.identity.directory.contract.clients import ClientVerbs
from heliostat.identity.directory.contract.computers import ComputerVerbs
from heliostat.identity.directory.contract.groups import GroupVerbs
from heliostat.identity.directory.contract.people import People
from heliostat.identity.directory.contract.reading import LookingUp, ReadableDirectory
from heliostat.identity.directory.contract.units import UnitVerbs
from heliostat.identity.directory.contract.users import UserVerbs

FIRST_NUMBER = 1_900_000_000
"""Of uids and gids: above what systemd gives to containers and shadow to subordinate ids."""


class Administered(
    LookingUp, UserVerbs, GroupVerbs, AccountVerbs, ClientVerbs, UnitVerbs, ComputerVerbs, Protocol
):
    """All that somebody administers in a directory."""


class Directory(
    ReadableDirectory,
    People,
    UserVerbs,
    GroupVerbs,
    AccountVerbs,
    UnitVerbs,
    ComputerVerbs,
    Protocol,
):
    """All that every directory does, whoever keeps it."""
