"""Labels: small facts that people attach to things and select them by.

A label is a key and a value.  A key is a name, optionally after a DNS prefix and
a slash (``heliostat.io/applied-by``); a value may be empty.  Lengths and letters
are those that users of Kubernetes know.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from heliostat.controller.model.names import invalid

MAX_LABELS = 32
"""Each label of a VM or disk is an index entry of the same commit, which has room for these."""

_WORD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
MAX_PREFIX_LENGTH = 253


def is_key(text: str) -> bool:
    """Whether it can be the key of a label."""
    prefix, slash, name = text.rpartition("/")
    if slash and (len(prefix) > MAX_PREFIX_LENGTH or _PREFIX.fullmatch(prefix) is None):
        return False
    return _WORD.fullmatch(name) is not None


def is_value(text: str) -> bool:
    """Whether it can be the value of a label."""
    return not text or _WORD.fullmatch(text) is not None


def check_labels(labels: Mapping[str, str], field: str = "labels") -> dict[str, str]:
    """The labels sorted by key; ``InvalidEntity`` names the one that can't be."""
    if len(labels) > MAX_LABELS:
        raise invalid(field, f"{len(labels)} labels are more than {MAX_LABELS}")
    for key, value in labels.items():
        if not is_key(key):
            raise invalid(field, f"{key[:80]!r} can't be the key of a label")
        if not is_value(value):
            raise invalid(field, f"{value[:80]!r} can't be the value of the label {key}")
    return dict(sorted(labels.items()))


def changed(
    labels: Mapping[str, str], set_: Mapping[str, str], remove: Iterable[str]
) -> dict[str, str]:
    """``labels`` with some set and some removed; removing what is not there changes nothing."""
    gone = set(remove)
    if both := sorted(gone & set_.keys()):
        raise invalid("remove", f"{both[0]!r} is both set and removed")
    kept = {key: value for key, value in labels.items() if key not in gone}
    return check_labels({**kept, **set_}, "set")


def pair(key: str, value: str) -> str:
    """A label as one text, which is how it is indexed; neither part can hold ``=``."""
    return f"{key}={value}"
