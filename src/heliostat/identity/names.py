"""Names of users, groups and service accounts in their three spellings.

``alice`` (within the domain), ``alice@domain`` (a token's subject) and
``DOMAIN\\alice`` (a security group).  Users, groups and service accounts share
one name space, because a user also counts as the group ``DOMAIN\\user``: a group
with a user's name would hand that user's rights to its members.
Names are compared without regard to case.
"""

from __future__ import annotations

import re

from heliostat.core.errors import PermanentError

ADMINISTRATORS = "Administrators"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,62}")


def checked_name(text: str, domain: str) -> str:
    """The bare name in ``text``, for something new; raises ``InvalidName``."""
    bare = bare_name(text, domain)
    if bare is None or not is_name(bare):
        raise PermanentError(
            "InvalidName",
            f"{text[:80]!r} is no name for something new in {domain}.",
            hint="Use a letter first, then letters, digits, dots, hyphens and underscores, "
            "at most 63 characters.",
        )
    return bare


def is_name(text: str) -> bool:
    """Whether ``text`` is a bare name that something could have."""
    return _NAME.fullmatch(text) is not None


def bare_name(text: str, domain: str) -> str | None:
    """``alice`` from any of the three spellings; ``None`` for another domain's name."""
    if "\\" in text:
        prefix, _, bare = text.partition("\\")
    elif "@" in text:
        bare, _, prefix = text.rpartition("@")
    else:
        return text
    return bare if fold(prefix) == fold(domain) else None


def fold(text: str) -> str:
    """The form in which names are compared and stored as keys."""
    return text.casefold()


def subject_of(name: str, domain: str) -> str:
    """``alice@domain``: how tokens and logs name a person or program."""
    return f"{name}@{domain}"


def computer_subject(name: str, domain: str) -> str:
    """``web-1$@domain``: a computer, which may be called as a person is."""
    return f"{name}$@{domain}"


def security_group(name: str, domain: str) -> str:
    """``DOMAIN\\name``: how tenants and projects name whom they let in."""
    return f"{domain}\\{name}"
