"""A repository server on a free port, for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.os.repo.serve import RepositoryServer
from heliostat.testing.private_net import PrivateNet


@contextmanager
def served(folder: Path, net: PrivateNet | None = None) -> Iterator[RepositoryServer]:
    """What lies in ``folder`` at ``server.url``; for whoever is in ``net``, if that is given."""

    def opened() -> RepositoryServer:
        return RepositoryServer(folder, "127.0.0.1", 0, quiet=True)

    with opened() if net is None else net.inside(opened) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
