"""The order of versions of libraries: Go's (semantic versioning 2.0), Python's (PEP 440)."""

from __future__ import annotations

import re
from typing import Any

_SEMVER = re.compile(
    r"v?(?P<release>\d+(?:\.\d+){0,2})(?:-(?P<before>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_PEP440 = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<stage>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<stage_number>\d*))?"
    r"(?P<post>-(?P<post_bare>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
_STAGES = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
_FIRST, _LAST = (-1,), (1,)
Key = tuple[Any, ...]


def semver_key(version: str) -> Key:
    """``v1.2.3-rc.1+incompatible`` to compare; ``ValueError`` for what is no version.

    What is built in whatever way is one version; before a release come its candidates, of
    their parts numbers before words.
    """
    match = _SEMVER.fullmatch(version.strip())
    if match is None:
        raise ValueError(f"{version!r} is no semantic version")
    release = [int(part) for part in match["release"].split(".")]
    release += [0] * (3 - len(release))
    if match["before"] is None:
        return (*release, 1, ())
    return (*release, 0, tuple(_identifier(part) for part in match["before"].split(".")))


def _identifier(part: str) -> Key:
    return (0, int(part), "") if part.isdigit() else (1, 0, part)


def pep440_key(version: str) -> Key:
    """``1!2.0rc1.post2.dev3+local`` to compare; ``ValueError`` for what is no version.

    ``1.0.dev1`` is before ``1.0a1``, this before ``1.0``, that before ``1.0.post1``.
    """
    match = _PEP440.fullmatch(version.strip().lower())
    if match is None:
        raise ValueError(f"{version!r} is no version of Python's")
    release = [int(part) for part in match["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()  # 1.0 is 1
    has_post, has_dev = match["post"] is not None, match["dev"] is not None
    stage: Key = _LAST
    if match["stage"] is not None:
        stage = (0, _STAGES.get(match["stage"], match["stage"]), int(match["stage_number"] or 0))
    elif has_dev and not has_post:
        stage = _FIRST
    post = (0, int(match["post_bare"] or match["post_number"] or 0)) if has_post else _FIRST
    dev = (0, int(match["dev_number"] or 0)) if has_dev else _LAST
    local = tuple(_local(part) for part in re.split(r"[-_.]", match["local"] or "") if part)
    return (int(match["epoch"] or 0), tuple(release), stage, post, dev, local)


def _local(part: str) -> Key:
    """Numbers come after words here."""
    return (1, int(part), "") if part.isdigit() else (0, 0, part)
