"""What an administrator says about a source, checked.  Pure.

``fields`` are named as in the API's bodies, in Python's spelling; what is not named stays as
it is.  Secrets are sealed here, so that nothing readable goes further.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.names import fold
from heliostat.identity.sealing import Sealing
from heliostat.identity.sources.credentials import unsealed
from heliostat.identity.sources.protocol import address, filters
from heliostat.identity.sources.protocol.dn import is_dn
from heliostat.identity.sources.protocol.filters import BadFilter
from heliostat.identity.sources.protocol.trust import tls_context
from heliostat.identity.sources.source import (
    DEFAULTS,
    KEY_PLACE,
    PASSWORD_PLACE,
    Source,
    SourceKind,
)

MOST_URLS = 8
MOST_ALIASES = 8
LONGEST = 512
SHORTEST_TIMEOUT_S, LONGEST_TIMEOUT_S = 0.5, 30.0
_ALIAS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_NEEDED = {"name", "id", "groupName", "groupId", "groupMember"}
_SEALED = {"bind_password": PASSWORD_PLACE, "bind_key": KEY_PLACE}


def applied(source: Source, fields: Mapping[str, Any], sealing: Sealing, own: str) -> Source:
    """``source`` with ``fields``; ``own`` is the tenant's domain.  Raises ``InvalidEntity``."""
    plain: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each for name, each in fields.items()
    }
    if plain.get("bind_dn") == "":
        plain.setdefault("bind_password", "")
    if plain.get("bind_certificate_pem") == "":
        plain.setdefault("bind_key", "")
    if "kind" in plain:
        plain["kind"] = _kind(plain["kind"])
    for name, place in _SEALED.items():
        if plain.get(name):
            secret = plain[name].encode()
            plain[name] = sealing.seal(secret, place.format(id=source.id))
    changed = msgspec.structs.replace(source, **plain)
    check(changed, sealing, own)
    kept = source.bind_password and "bind_password" not in plain
    if kept and _is_told_to_others(source, changed):
        raise _wrong(
            "bindPassword", "It has to be said again where it goes to other servers.",
            "Send it along with new urls, trustedRootsPem or startTls: who changes those "
            "could have it sent to anybody.",
        )  # fmt: skip
    return changed


def _is_told_to_others(before: Source, after: Source) -> bool:
    """Whether what a source signs in with could come to somebody else than before."""
    new_servers = set(after.urls) - set(before.urls)
    return (
        bool(new_servers)
        or before.roots_pem != after.roots_pem
        or (before.start_tls and not after.start_tls)
    )


def check(source: Source, sealing: Sealing, own: str) -> None:
    """Raises ``InvalidEntity`` for what can't be used."""
    _check_texts(source)
    _check_urls(source)
    _check_aliases(source, own)
    if not is_dn(source.people_base):
        raise _wrong("peopleBase", f"{source.people_base[:80]!r} is no name of an entry.")
    if source.groups_base and not is_dn(source.groups_base):
        raise _wrong("groupsBase", f"{source.groups_base[:80]!r} is no name of an entry.")
    for field, text in (
        ("peopleFilter", source.people_filter),
        ("groupsFilter", source.groups_filter),
    ):
        _check_filter(field, text)
    _check_attributes(source)
    _check_sign_in(source)
    if not SHORTEST_TIMEOUT_S <= source.timeout_s <= LONGEST_TIMEOUT_S:
        bounds = f"{SHORTEST_TIMEOUT_S:g} to {LONGEST_TIMEOUT_S:g}"
        raise _wrong("timeoutS", f"{source.timeout_s:g} s is not within {bounds} s.")
    credentials = unsealed(source, sealing)
    if (
        source.roots_pem or credentials.certificate_pem
    ):  # the machine's own roots take 45 ms to read
        tls_context(source.roots_pem, credentials.certificate_pem, credentials.key_pem)


def _check_texts(source: Source) -> None:
    for field, text in (("bindDn", source.bind_dn), ("description", source.description)):
        if len(text) > LONGEST or "\0" in text:
            raise _wrong(field, f"It has more than {LONGEST} characters, or one that is none.")


def _check_urls(source: Source) -> None:
    if not 0 < len(source.urls) <= MOST_URLS or len(set(source.urls)) < len(source.urls):
        raise _wrong(
            "urls",
            f"Name 1 to {MOST_URLS} servers, each once.",
            "Such as ldaps://dc1.corp.example; `helio identity source probe` tries them.",
        )
    for url in source.urls:
        where = address.parse(url)
        if where is None:
            raise _wrong(
                "urls", f"{url[:80]!r} is no address of a directory server.",
                "It looks like ldaps://dc1.corp.example, or ldap://… with startTls.",
            )  # fmt: skip
        if not (where.encrypted or source.start_tls or source.plain):
            raise _wrong(
                "urls", f"{where} would send passwords unencrypted.",
                "Use ldaps://, or startTls; plain=true allows it where the network is trusted.",
            )  # fmt: skip


def _check_aliases(source: Source, own: str) -> None:
    if len(source.aliases) > MOST_ALIASES:
        raise _wrong("aliases", f"There are more than {MOST_ALIASES}.")
    for alias in source.aliases:
        if not _ALIAS.fullmatch(alias):
            raise _wrong("aliases", f"{alias[:80]!r} is no name of a domain.")
        if fold(alias) == fold(own):
            raise _wrong("aliases", f"{alias} is the tenant's own domain.")


def _check_filter(field: str, text: str) -> None:
    try:
        if text:
            filters.parse(text)
    except BadFilter as error:
        raise _wrong(
            field, f"It is no filter: {error}.", "A filter looks like (objectClass=person)."
        ) from error


def _check_attributes(source: Source) -> None:
    known = DEFAULTS[source.kind]
    for meaning, named in source.attributes.items():
        if meaning not in known:
            raise _wrong(
                "attributes", f"{meaning[:40]!r} is nothing that is asked for.",
                f"There are {', '.join(known)}.",
            )  # fmt: skip
        several = named.split(",") if meaning == "groupMember" else [named]
        usable = all(filters.is_attribute(each.strip()) for each in several)
        if not usable and (named or meaning in _NEEDED):
            raise _wrong("attributes", f"{named[:80]!r} ({meaning}) is no attribute.")


def _check_sign_in(source: Source) -> None:
    if bool(source.bind_dn) != bool(source.bind_password):
        raise _wrong("bindDn", "A name and a password to sign in with go together.")
    if bool(source.bind_certificate_pem) != bool(source.bind_key):
        raise _wrong("bindCertificatePem", "A certificate to sign in with needs its key.")
    if source.bind_certificate_pem and source.bind_dn:
        raise _wrong("bindDn", "Sign in with a password or with a certificate, not with both.")


def _kind(text: str) -> SourceKind:
    try:
        return SourceKind(text)
    except ValueError as error:
        kinds = " or ".join(SourceKind)
        raise _wrong("kind", f"{text[:40]!r} is neither {kinds}.") from error


def _wrong(field: str, why: str, hint: str | None = None) -> PermanentError:
    return PermanentError("InvalidEntity", f"{field}: {why}", hint=hint, data={"field": field})
