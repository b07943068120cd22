"""How documents are entries: people, groups and service accounts, both ways.  Pure.

What LDAP programs look for stands in the attributes that they know (uid, cn, sn, mail,
userPassword, member, description); the rest of a document stands in ``heliostatRecord``, so
that a document comes back byte by byte.  Where an attribute was changed by somebody else, the
attribute counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from heliostat.identity.openldap.attributes import ATTRIBUTES, READERS
from heliostat.identity.openldap.ldif import Attributes
from heliostat.identity.openldap.references import PLACES, Raw, dn_of


class _Kept(msgspec.Struct):
    """``heliostatRecord``: the document but for its secrets and members."""

    of: dict[str, Any]
    password: str = ""
    """What the password hash was when ``stamp`` was set: another one ends sessions."""


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of document as entries; ``kind`` is the first part of its documents' kind."""

    kind: str
    reference: str
    classes: tuple[str, ...]

    @property
    def unit(self) -> str:
        return PLACES[self.reference][1]

    def dn(self, base: str, key: str) -> str:
        return dn_of(self.reference, key, base)

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Whether a document of the kind is kept here at all: programs' clients are not."""
        return self.kind != "client" or bool(record.get("account") or record.get("public_key_pem"))

    def attributes(self, base: str, key: str, value: bytes) -> Attributes:
        """The attributes of the document's entry."""
        record = msgspec.json.decode(value, type=dict[str, Any])
        known = ATTRIBUTES[self.reference](base, record)
        kept = dict(record)
        for name in ("password_hash", "members"):
            if name in kept:
                kept[name] = type(kept[name])()
        password = known.get("userPassword", ())
        entry: Attributes = {
            PLACES[self.reference][0]: [key],
            "heliostatKey": [key],
            **known,
            "objectClass": [*self.classes, *_more_classes(self.reference, known)],
            "heliostatRecord": [msgspec.json.encode(_Kept(of=kept, password=_digest(password)))],
        }
        return {name: values for name, values in entry.items() if values}

    def value(self, base: str, raw: Raw) -> bytes:
        """The document in an entry; raises ``ValueError`` for one that is none of ours."""
        try:
            kept = msgspec.json.decode(raw["heliostatRecord"][0], type=_Kept)
        except (KeyError, IndexError, msgspec.MsgspecError) as error:
            raise ValueError(f"no document: {error}") from error
        record = kept.of
        READERS[self.reference](base, raw, record)
        passwords = raw.get("userPassword", ())
        if "stamp" in record and _digest(passwords) != kept.password:
            record["stamp"] = _digest(passwords)  # set by another LDAP program
            if record.get("kerberos_keys"):
                record["kerberos_keys"] = ""  # of the password before; the next sign-in makes them
        return msgspec.json.encode(record)


def _more_classes(reference: str, known: Attributes) -> list[str]:
    """Classes that attributes need, besides those that every entry of the kind has."""
    if reference == "computer":
        return ["simpleSecurityObject"] if known["userPassword"] else []
    if reference == "account":
        return ["pkiUser"] if known["userCertificate;binary"] else []
    needed = (("uidNumber", "posixAccount"), ("sshPublicKey", "ldapPublicKey"))
    found = [name for attribute, name in needed if known.get(attribute)]
    is_group = "member" in known and known.get("gidNumber")
    return [*found, "posixGroup"] if is_group else found


def _digest(values: Sequence[str | bytes]) -> str:
    if not values:
        return ""
    joined = b"\0".join(each if isinstance(each, bytes) else each.encode() for each in values)
    return hashlib.sha256(joined).hexdigest()[:32]


_OURS = "heliostatEntry"
FORMS = {
    each.kind: each
    for each in (
        Form("user", "user", ("inetOrgPerson", _OURS)),
        Form("group", "group", ("groupOfNames", _OURS)),
        Form("client", "account", ("account", _OURS)),
        Form("unit", "unit", ("organizationalUnit", _OURS)),
        Form("computer", "computer", ("device", _OURS)),
    )
}
"""By the first part of a document's kind."""
