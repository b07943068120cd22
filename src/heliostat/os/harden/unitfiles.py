"""systemd's units as the tree has them: which are enabled, masked, and what they listen on.

Only files and links are looked at.  Enabled is what a link in a ``.wants``, ``.requires`` or
``.upholds`` folder starts; links below ``/usr`` are the vendor's and count as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from heliostat.os.harden.tree import Tree

FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
_STARTING = (".wants", ".requires", ".upholds")


@dataclass(frozen=True, slots=True)
class Enabled:
    """A unit that starts by itself and the link that starts it."""

    name: str
    link: str

    @property
    def by_vendor(self) -> bool:
        """The link is part of a package: nobody chose it here."""
        return self.link.startswith("/usr/")


@lru_cache(maxsize=2)
def enabled(tree: Tree) -> dict[str, Enabled]:
    """Units that start by themselves, by name; the administrator's link is told first."""
    found: dict[str, Enabled] = {}
    for folder in FOLDERS:
        for link in tree.files_in(folder):
            if link.endswith(_STARTING):
                for each in tree.files_in(link):
                    name = each.rpartition("/")[2]
                    if not is_masked(tree, name):
                        found.setdefault(name, Enabled(name, each))
    return found


def find(tree: Tree, name: str) -> str | None:
    """The file of a unit, or that of its template."""
    stem, dot, kind = name.rpartition(".")
    template = f"{stem.partition('@')[0]}@{dot}{kind}" if "@" in stem else name
    for candidate in (name, template):
        for folder in FOLDERS:
            path = f"{folder}/{candidate}"
            if tree.itself(path) is not None:
                return path
    return None


def is_masked(tree: Tree, name: str) -> bool:
    path = find(tree, name)
    return path is not None and tree.is_masked(path)


def listens(tree: Tree, name: str) -> list[str]:
    """Addresses that an enabled socket unit opens to the network: ``22``, ``[::]:80/udp``."""
    found: list[str] = []
    for path in _files(tree, name):
        for raw in (tree.text(path) or "").splitlines():
            key, equals, value = raw.strip().partition("=")
            if not equals or key not in ("ListenStream", "ListenDatagram"):
                continue
            address = value.strip()
            if not address:
                found.clear()  # an empty value takes back what came before
            elif not address.startswith(("/", "@", "vsock:", "%t", "127.", "[::1]")):
                found.append(address + ("/udp" if key == "ListenDatagram" else ""))
    return found


def _files(tree: Tree, name: str) -> list[str]:
    """The unit's file and its drop-ins."""
    path = find(tree, name)
    drop_ins = [f for folder in FOLDERS for f in tree.files_in(f"{folder}/{name}.d", ".conf")]
    return drop_ins if path is None else [path, *drop_ins]
