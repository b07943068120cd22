"""Names, tags and security groups: what is well-formed.

Refusals are ``InvalidEntity`` (as existing clients know it) and name the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from heliostat.core.codes import CODES
from heliostat.core.errors import PermanentError

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{0,62}\Z")
_GROUP = re.compile(r"[^\\\s]+\\[^\\]+\Z")
MAX_TAG_LENGTH = 64
MAX_MEMBERS = 40
"""Groups or principals of one entity: each is an index entry, and a commit has 100 changes."""


def check_name(name: str, field: str = "name") -> str:
    """``name`` itself if it is a letter followed by letters, digits and hyphens, at most 63."""
    if _NAME.match(name) is None:
        shown = name if len(name) <= 80 else name[:77] + "..."
        raise PermanentError(
            "InvalidEntity",
            f"{field}: {shown!r} is not a name.",
            hint=CODES["InvalidName"].hint,
            data={"field": field},
        )
    return name


def check_tag(tag: str, field: str = "value") -> str:
    """``tag`` itself if it has 1 to 64 characters."""
    if not 1 <= len(tag) <= MAX_TAG_LENGTH:
        raise invalid(field, f"a tag has 1 to {MAX_TAG_LENGTH} characters, this one {len(tag)}")
    return tag


def check_groups(groups: Iterable[str]) -> tuple[str, ...]:
    """The groups without repetition, in order; each is ``DOMAIN\\name``."""
    unique = tuple(dict.fromkeys(groups))
    if len(unique) > MAX_MEMBERS:
        raise invalid("securityGroups", f"{len(unique)} groups are more than {MAX_MEMBERS}")
    for group in unique:
        if _GROUP.match(group) is None:
            raise PermanentError(
                "InvalidSecurityGroupFormat", f"{group!r} is not the name of a security group."
            )
    return unique


def invalid(field: str, why: str) -> PermanentError:
    """An ``InvalidEntity`` that names the field."""
    return PermanentError("InvalidEntity", f"{field}: {why}.", data={"field": field})
