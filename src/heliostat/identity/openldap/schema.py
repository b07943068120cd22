"""What entries may hold: the standard schema that the Debian package brings, and ours.

POSIX accounts are after RFC 2307bis, in which a group with members by name (groupOfNames)
can also be a POSIX group: the package's own ``nis`` schema forbids that.  ``heliostatEntry``
marks what the controllers keep: what has no attribute of its own stands in
``heliostatRecord`` as JSON, so that nothing is lost whatever a record comes to hold.
"""

from __future__ import annotations

from pathlib import Path

from heliostat.identity.openldap.ldif import Entry

FOLDER = Path("/etc/ldap/schema")
STANDARD = ("core", "cosine", "inetorgperson", "dyngroup")
# a UUID's own arc (ITU-T X.667): nobody needs to register it
_ARC = "2.25.200370513562384761906385012417843051223"
_POSIX = "1.3.6.1.1.1"
_SSH = "1.3.6.1.4.1.24552.500.1.1"  # the schema that sshd and sssd look keys up by
_TEXT = "1.3.6.1.4.1.1466.115.121.1.15"
_ASCII = "1.3.6.1.4.1.1466.115.121.1.26"
_INTEGER = "1.3.6.1.4.1.1466.115.121.1.27"
_BOOLEAN = "1.3.6.1.4.1.1466.115.121.1.7"


def _ascii(number: int, name: str, *, single: bool = True) -> str:
    one = " SINGLE-VALUE" if single else ""
    return (
        f"( {_POSIX}.1.{number} NAME '{name}' EQUALITY caseExactIA5Match "
        f"SUBSTR caseExactIA5SubstringsMatch SYNTAX {_ASCII}{one} )"
    )


def _integer(number: int, name: str) -> str:
    return (
        f"( {_POSIX}.1.{number} NAME '{name}' EQUALITY integerMatch ORDERING "
        f"integerOrderingMatch SYNTAX {_INTEGER} SINGLE-VALUE )"
    )


_SHADOW = ["LastChange", "Min", "Max", "Warning", "Inactive", "Expire", "Flag"]
_SHADOW_NAMES = [f"shadow{each}" for each in _SHADOW]
POSIX = Entry(
    "cn=rfc2307bis,cn=schema,cn=config",
    {
        "objectClass": ["olcSchemaConfig"],
        "cn": ["rfc2307bis"],
        "olcAttributeTypes": [
            _ascii(2, "gecos"),
            _ascii(3, "homeDirectory"),
            _ascii(4, "loginShell"),
            *(_integer(number, name) for number, name in enumerate(_SHADOW_NAMES, 5)),
            _ascii(12, "memberUid", single=False),
        ],
        "olcObjectClasses": [
            f"( {_POSIX}.2.0 NAME 'posixAccount' SUP top AUXILIARY "
            "MUST ( cn $ uid $ uidNumber $ gidNumber $ homeDirectory ) "
            "MAY ( userPassword $ loginShell $ gecos $ description ) )",
            f"( {_POSIX}.2.1 NAME 'shadowAccount' SUP top AUXILIARY MUST uid "
            f"MAY ( userPassword $ description $ {' $ '.join(_SHADOW_NAMES)} ) )",
            f"( {_POSIX}.2.2 NAME 'posixGroup' SUP top AUXILIARY MUST gidNumber "
            "MAY ( userPassword $ memberUid $ description ) )",
        ],
    },
)

OURS = Entry(
    "cn=heliostat,cn=schema,cn=config",
    {
        "objectClass": ["olcSchemaConfig"],
        "cn": ["heliostat"],
        "olcAttributeTypes": [
            f"( {_ARC}.1.1 NAME 'heliostatRecord' DESC 'what has no attribute of its own, as JSON' "
            f"EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )",
            f"( {_ARC}.1.2 NAME 'heliostatDisabled' DESC 'may not sign in' EQUALITY booleanMatch "
            f"SYNTAX {_BOOLEAN} SINGLE-VALUE )",
            f"( {_ARC}.1.3 NAME 'heliostatKey' DESC 'the folded name that is unique in a tenant' "
            f"EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch "
            f"ORDERING caseIgnoreOrderingMatch SYNTAX {_TEXT} SINGLE-VALUE )",
            f"( {_SSH}.1.13 NAME 'sshPublicKey' DESC 'OpenSSH public key' "
            f"EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )",
        ],
        "olcObjectClasses": [
            f"( {_ARC}.2.1 NAME 'heliostatEntry' DESC 'kept by the controllers' SUP top AUXILIARY "
            "MAY ( heliostatRecord $ heliostatDisabled $ heliostatKey ) )",
            f"( {_SSH}.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY MAY ( sshPublicKey $ uid ) )",
        ],
    },
)


def standard_files() -> list[Path]:
    """The LDIF files of the standard schema, in the order in which they stand on each other."""
    return [FOLDER / f"{name}.ldif" for name in STANDARD]
