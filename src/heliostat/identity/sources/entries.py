"""What an entry of a directory says about a person or a group.  Pure.

An entry may lack, repeat or garble anything: what can't be used is treated as not there, and
an entry without a usable name or id is no person.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from heliostat.identity.names import fold
from heliostat.identity.sources.protocol.messages import Entry
from heliostat.identity.sources.source import Source, SourceKind, attribute

LONGEST_NAME = 256
_GUID_BYTES = 16
_DISABLED = 0x2
_NEVER = {0, (1 << 63) - 1}
_FILETIME_MS = 11_644_473_600_000
"""Between 1601, where Active Directory's time begins, and 1970."""
_DAY_MS = 86_400_000
_FOR_EVER = "000001010000Z"
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HEX_ID = "x-"
_FORBIDDEN = frozenset('\\@/"[]:;|=+*?<>,')


class Found(NamedTuple):
    """Somebody in a directory; ``barred``: may not sign in, nor go on.

    ``dates_password``: the entry says when the password was set.
    """

    dn: str
    id: str
    name: str
    principal: str
    given_name: str
    family_name: str
    email: str
    stamp: str
    barred: bool
    locked: bool
    dates_password: bool
    primary_group_sid: bytes


class FoundGroup(NamedTuple):
    """A group in a directory."""

    dn: str
    id: str
    name: str


def wanted(source: Source) -> tuple[str, ...]:
    """The attributes to ask for about people."""
    meanings = ("name", "principal", "id", "givenName", "familyName", "email", "passwordChanged")
    named = [attribute(source, meaning) for meaning in meanings]
    own = (
        ("userAccountControl", "accountExpires", "lockoutTime", "primaryGroupID", "objectSid")
        if source.kind is SourceKind.ACTIVE_DIRECTORY
        else ("pwdAccountLockedTime", "nsAccountLock", "loginDisabled", "shadowExpire")
    )
    return tuple(dict.fromkeys(each for each in (*named, *own) if each))


def wanted_of_groups(source: Source) -> tuple[str, ...]:
    return (attribute(source, "groupName"), attribute(source, "groupId"))


def person_in(entry: Entry, source: Source, now_ms: int) -> Found | None:
    """The person that an entry is; ``None`` where it names nobody."""
    name = entry.text(attribute(source, "name"))
    id_ = id_of(entry.raw(attribute(source, "id")), source)
    if not is_name(name) or not id_:
        return None
    return Found(
        dn=entry.dn,
        id=id_,
        name=fold(name),
        principal=fold(entry.text(attribute(source, "principal"))),
        given_name=shown(entry.text(attribute(source, "givenName"))),
        family_name=shown(entry.text(attribute(source, "familyName"))),
        email=shown(entry.text(attribute(source, "email"))),
        stamp=_stamp(entry, source, id_),
        barred=is_barred(entry, source.kind, now_ms),
        locked=_number(entry.text("lockoutTime")) > 0 or bool(entry.text("pwdAccountLockedTime")),
        dates_password=bool(entry.text(attribute(source, "passwordChanged"))),
        primary_group_sid=_primary_group(entry),
    )


def group_in(entry: Entry, source: Source) -> FoundGroup | None:
    """The group that an entry is; ``None`` where it names none."""
    name = entry.text(attribute(source, "groupName"))
    id_ = id_of(entry.raw(attribute(source, "groupId")), source)
    # a group's name may have spaces and more, but nothing that could be read as another's
    odd = "\\" in name or any(unicodedata.category(letter)[0] == "C" for letter in name)
    if not name.strip() or len(name) > LONGEST_NAME or odd or not id_:
        return None
    return FoundGroup(entry.dn, id_, name)


def is_name(text: str) -> bool:
    """Whether a person could have this name."""
    return (
        0 < len(text) <= LONGEST_NAME
        and text == text.strip()
        and not _FORBIDDEN & set(text)
        and all(unicodedata.category(letter)[0] != "C" for letter in text)
    )


def is_barred(entry: Entry, kind: SourceKind, now_ms: int) -> bool:
    """Whether somebody has disabled the account, or it has ended.

    Not for one that is locked by wrong passwords: whoever guesses could end sessions so.
    """
    if kind is SourceKind.ACTIVE_DIRECTORY:
        ends = _number(entry.text("accountExpires"))
        ended = ends not in _NEVER and ends // 10_000 - _FILETIME_MS <= now_ms
        return ended or bool(_number(entry.text("userAccountControl")) & _DISABLED)
    told = {fold(entry.text("nsAccountLock")), fold(entry.text("loginDisabled"))}
    expires = entry.text("shadowExpire")
    ended = _number(expires) > 0 and _number(expires) * _DAY_MS <= now_ms
    return "true" in told or entry.text("pwdAccountLockedTime") == _FOR_EVER or ended


def id_filter_value(id_: str, source: Source) -> str | bytes:
    """What an entry's attribute says whose id we keep as ``id_``."""
    if source.kind is SourceKind.ACTIVE_DIRECTORY:
        try:
            return uuid.UUID(id_).bytes_le
        except ValueError:
            pass
    if id_.startswith(_HEX_ID):
        try:
            return bytes.fromhex(id_.removeprefix(_HEX_ID))
        except ValueError:
            pass
    return id_


def id_of(raw: bytes, source: Source) -> str:
    if source.kind is SourceKind.ACTIVE_DIRECTORY and len(raw) == _GUID_BYTES:
        return str(uuid.UUID(bytes_le=raw))
    text = raw.decode(errors="replace")
    if _ID.fullmatch(text) and not text.startswith(_HEX_ID):
        return fold(text)
    return _HEX_ID + raw.hex() if 0 < len(raw) <= _GUID_BYTES * 4 else ""


def _stamp(entry: Entry, source: Source, id_: str) -> str:
    """Another one after every new password, and for whoever gets the name next."""
    changed: Sequence[str] = entry.texts(attribute(source, "passwordChanged") or "-")
    said = "\0".join((source.id, id_, *sorted(changed)))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _primary_group(entry: Entry) -> bytes:
    """The SID of the group that is in nobody's list: the domain's with another last number."""
    sid, group = entry.raw("objectSid"), _number(entry.text("primaryGroupID"))
    if len(sid) < 12 or not 0 < group < 1 << 32:
        return b""
    return sid[:-4] + group.to_bytes(4, "little")


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"-?[0-9]{1,20}", text) else 0


def shown(text: str) -> str:
    """A text that is safe to show."""
    kept = "".join(letter for letter in text if unicodedata.category(letter)[0] != "C")
    return kept.strip()[:LONGEST_NAME]
