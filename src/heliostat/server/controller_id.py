"""Who this controller is: an id made at the first start and kept in the home."""

from __future__ import annotations

from heliostat.core.files import atomic_write
from heliostat.core.ids import Ids
from heliostat.server.home import Home


def controller_id(home: Home, ids: Ids) -> str:
    """The id under which this controller holds the leases of its hosts."""
    path = home.path / "controller.id"
    if not path.exists():
        atomic_write(path, f"{ids.new_id()}\n".encode())
    return path.read_text().strip()
