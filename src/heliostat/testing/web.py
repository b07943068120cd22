"""A repository server on a free port, for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.os.repo.serve import RepositoryServer


@contextmanager
def served(folder: Path) -> Iterator[RepositoryServer]:
    """What lies in ``folder`` at ``server.url``."""
    with RepositoryServer(folder, "127.0.0.1", 0, quiet=True) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
