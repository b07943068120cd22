"""Who a request comes from, once that is proven."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.identity.names import ADMINISTRATORS, bare_name, fold, security_group


@dataclass(frozen=True, slots=True)
class Principal:
    """A proven caller.

    ``groups`` are ``DOMAIN\\name`` and include the group of one, ``DOMAIN\\user``;
    ``client`` is the program that asked for the token (empty: one without an id).
    """

    subject: str
    groups: frozenset[str]
    client: str
    is_system_admin: bool
    tenant: str


def principal_of(
    subject: str, groups: frozenset[str], client: str, domain: str, *, is_system: bool
) -> Principal:
    """The principal of ``subject`` in ``domain`` that a token says is in ``groups``.

    ``is_system``: that domain's administrators administer the site.
    """
    bare = bare_name(subject, domain)
    itself = frozenset({security_group(bare, domain)}) if bare else frozenset()
    administrators = fold(security_group(ADMINISTRATORS, domain))
    return Principal(
        subject=subject,
        groups=groups | itself,
        client=client,
        is_system_admin=is_system and any(fold(group) == administrators for group in groups),
        tenant=domain,
    )
