"""Whose build a package is, as its vendor field tells: the archive's, or our own.

``Heliostat (imported from Debian)`` is the archive's, with our name on the package only;
``Heliostat``, ``Heliostat (rebuilt from Debian's source)`` and the like are ours.
"""

from __future__ import annotations

_OURS = "Heliostat"
_IMPORTED = "(imported from "


def built_here(vendor: str) -> bool:
    """Whether we chose how the package was compiled."""
    return vendor.startswith(_OURS) and _IMPORTED not in vendor
