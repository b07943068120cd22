"""Versions in the order of who numbers them: dpkg, RPM, Go, Python, or upstream in general.

Imported packages carry Debian versions in RPM's form (``-`` became ``+``, no revision
became ``0``); both sides of a comparison are brought into that form first, so that a
version from an archive's feed and one from an RPM database meet.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Any

from debian.debian_support import NativeVersion

from heliostat.os.cve.changelogs import source_version
from heliostat.os.cve.library_versions import pep440_key, semver_key
from heliostat.os.packages.deb.versions import evr_of
from heliostat.os.packages.rpm.version import Evr


class Scheme(StrEnum):
    """Whose order counts."""

    DPKG = "dpkg"
    RPM = "rpm"
    UPSTREAM = "upstream"
    SEMVER = "semver"
    PEP440 = "pep440"


def older(one: str, two: str, scheme: Scheme) -> bool:
    """Whether ``one`` comes before ``two``; a version that can't be read comes before none."""
    left, right = _key(one, scheme), _key(two, scheme)
    return left is not None and right is not None and bool(left < right)


def upstream_of(version: str) -> str:
    """Without epoch, revision and what packagers append (``+dfsg1``, ``~ds1``)."""
    bare = version.partition(":")[2] or version
    upstream = bare.rpartition("-")[0] or bare
    for mark in ("+dfsg", "~dfsg", "+ds", "~ds", "+really", "+repack", "+git"):
        head, found, tail = upstream.partition(mark)
        if found:
            upstream = tail if mark == "+really" else head
    return upstream.rstrip(".")


@lru_cache(maxsize=65536)
def _key(version: str, scheme: Scheme) -> Any:
    try:
        if scheme is Scheme.RPM:
            return Evr.parse(version)
        if scheme is Scheme.SEMVER:
            return semver_key(version)
        if scheme is Scheme.PEP440:
            return pep440_key(version)
        if scheme is Scheme.DPKG:
            return NativeVersion(str(evr_of(source_version(version))))
        return NativeVersion(version.lower().removeprefix("v").replace("_", ".") or "0")
    except ValueError:
        return None
