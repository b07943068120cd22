"""What can be said of a person, checked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heliostat.identity.directory.fields import (
    LONGEST_DESCRIPTION,
    checked_certificates,
    checked_email,
    checked_ssh_keys,
    checked_text,
)
from heliostat.identity.directory.records import User


def with_fields(
    user: User,
    *,
    given_name: str | None = None,
    family_name: str | None = None,
    email: str | None = None,
    description: str | None = None,
    ssh_public_keys: Sequence[str] | None = None,
    certificates: Sequence[str] | None = None,
) -> User:
    """``user`` with what is given, checked; raises ``InvalidEntity``."""
    given: dict[str, object] = {}
    if given_name is not None:
        given["given_name"] = checked_text("givenName", given_name)
    if family_name is not None:
        given["family_name"] = checked_text("familyName", family_name)
    if email is not None:
        given["email"] = checked_email(email)
    if description is not None:
        given["description"] = checked_text("description", description, LONGEST_DESCRIPTION)
    if ssh_public_keys is not None:
        given["ssh_public_keys"] = checked_ssh_keys(ssh_public_keys)
    if certificates is not None:
        given["certificates"] = checked_certificates(certificates)
    return msgspec.structs.replace(user, **given)
