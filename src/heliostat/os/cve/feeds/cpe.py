"""CPE 2.3 names, as far as matching needs them (NISTIR 7695, formatted strings)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(r"(?:\\.|[^:\\])*")
_ESCAPED = re.compile(r"\\(.)")
_HERE = frozenset({"*", "-", "linux", "linux_kernel", "unix", "debian", "docker", "gnu"})
_OTHER_SYSTEMS = frozenset(
    {
        *("windows", "macos", "mac_os_x", "mac_os", "iphone_os", "android", "freebsd", "openbsd"),
        *("netbsd", "solaris", "aix", "hp-ux", "chrome_os", "ipad_os", "ipados", "tvos", "cygwin"),
    }
)


@dataclass(frozen=True, slots=True)
class Cpe:
    """The fields that decide: part (a, o, h), vendor, product, version, update, target."""

    part: str
    vendor: str
    product: str
    version: str
    update: str
    target_software: str

    @property
    def runs_here(self) -> bool:
        """It can be software on this system: no device, no plug-in of something else."""
        return self.part in ("a", "o") and self.target_software in _HERE

    @property
    def other_system(self) -> bool:
        """It names an operating system that this is not."""
        windows = self.product.startswith("windows")
        return self.part == "o" and (windows or self.product in _OTHER_SYSTEMS)


def parse(name: str) -> Cpe | None:
    """The fields of a formatted string; ``None`` if it is none."""
    if not name.startswith("cpe:2.3:"):
        return None
    parts, at = [], len("cpe:2.3:")
    while at <= len(name):
        match = _PART.match(name, at)
        assert match is not None
        parts.append(_ESCAPED.sub(r"\1", match[0]))
        at = match.end() + 1
    if len(parts) != 11:
        return None
    part, vendor, product, version, update, *_, target_software, _, _ = parts
    return Cpe(part, vendor, product, version, update, target_software)
