"""An Apache for tests, with one module that judges us: unprivileged, on a free loopback port.

Its folder is nobody's but the test's, outside of pytest's, which other users can't enter:
Apache's children run as one.  ``prepare`` makes it readable; ``running`` starts and ends it.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.testing.slapds import free_port

PROGRAM = shutil.which("apache2") or "/usr/sbin/apache2"
MODULES = Path("/usr/lib/apache2/modules")
UP_S, END_S = 10.0, 10.0
_USED = ("mpm_event", "authz_core", "authz_user", "authn_core", "headers", "dir")
_COMMON = """\
ServerRoot {folder}
PidFile {folder}/httpd.pid
ServerName {host}
Listen 127.0.0.1:{port}
User nobody
Group nogroup
Mutex file:{folder} default
ErrorLog {folder}/error.log
DocumentRoot {folder}/htdocs
DirectoryIndex index.html
"""


def has_module(name: str) -> bool:
    """Whether a module such as ``auth_mellon`` is installed."""
    return (MODULES / f"mod_{name}.so").exists()


@dataclass(frozen=True, slots=True)
class Apache:
    """A server that is made ready; pages go below ``htdocs``, which has ``/`` and ``/app/``."""

    folder: Path
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def prepare(self, module: str, configuration: str, host: str = "127.0.0.1") -> None:
        """Write the configuration with ``module`` in it; its children may read all."""
        lines = [_COMMON.format(folder=self.folder, host=host, port=self.port)]
        for each in (*_USED, module):
            lines.append(f"LoadModule {each}_module {MODULES}/mod_{each}.so\n")
        (self.folder / "httpd.conf").write_text("".join([*lines, configuration]))
        for path in self.folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """From when it answers until the block ends."""
        argv = ("-f", str(self.folder / "httpd.conf"), "-DFOREGROUND")
        process = await asyncio.create_subprocess_exec(PROGRAM, *argv)
        try:
            await self._answers()
            yield
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), END_S)

    async def _answers(self) -> None:
        try:
            async with asyncio.timeout(UP_S):
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    except OSError:
                        await asyncio.sleep(0.02)
                        continue
                    writer.close()
                    return
        except TimeoutError:
            log = self.folder / "error.log"
            raise AssertionError(log.read_text() if log.exists() else "no Apache") from None


@contextmanager
def apache() -> Iterator[Apache]:
    """A folder with two pages that say ``inside``, and a port."""
    with tempfile.TemporaryDirectory(prefix="helio-apache-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "htdocs/app").mkdir(parents=True)
        for page in ("htdocs/index.html", "htdocs/app/index.html"):
            (folder / page).write_text("inside")
        yield Apache(folder, free_port())
