"""A private registry as companies run them: TLS by an authority of their own, and passwords.

Debian's docker-registry (the reference implementation) runs on this host, inside of a
guest's private network; the guest reaches it at its gateway.  It ends with the context.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.process import run_async
from heliostat.testing.private_net import PrivateNet

GATEWAY = "10.0.2.2"  # this host, as guests of QEMU's user networking see it
PORT = 5000
_READY_TRIES = 100


@dataclass(frozen=True, slots=True)
class Registry:
    """Where it is and who may log in."""

    address: str
    authority: str
    """The certificate that clients must trust, PEM."""
    user: str
    password: str


@asynccontextmanager
async def private_registry(net: PrivateNet, folder: Path) -> AsyncIterator[Registry]:
    """Run one whose state is in ``folder``, a new one."""
    authority = await _certificates(folder)
    user, password = "mira", secrets.token_urlsafe(12)
    argv = ["htpasswd", "-Bbn", user, password]
    known = (await run_async(argv, timeout_s=20)).stdout
    (folder / "htpasswd").write_text(known)
    (folder / "config.json").write_text(json.dumps(_configuration(folder)))
    command = [*net.launcher(), "docker-registry", "serve", str(folder / "config.json")]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            await _until_answering(net, folder)
            yield Registry(f"{GATEWAY}:{PORT}", authority, user, password)
        finally:
            process.terminate()
            await process.wait()


def _configuration(folder: Path) -> dict[str, object]:
    """The registry's own format (its YAML reads JSON)."""
    tls = {"certificate": str(folder / "server.pem"), "key": str(folder / "server.key")}
    return {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}},
        "http": {"addr": f"127.0.0.1:{PORT}", "tls": tls},
        "auth": {"htpasswd": {"realm": "private", "path": str(folder / "htpasswd")}},
    }


async def _certificates(folder: Path) -> str:
    """An authority and a server certificate for the gateway's address; the authority's PEM."""
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    new += ["-nodes", "-days", "30"]
    own = ["-subj", "/CN=Private Authority", "-addext", "keyUsage=critical,keyCertSign"]
    own += ["-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem")]
    await run_async([*new, *own], timeout_s=30)
    server = ["-subj", f"/CN={GATEWAY}", "-addext", f"subjectAltName=IP:{GATEWAY},IP:127.0.0.1"]
    server += ["-addext", "basicConstraints=critical,CA:FALSE"]
    server += ["-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key")]
    server += ["-keyout", str(folder / "server.key"), "-out", str(folder / "server.pem")]
    await run_async([*new, *server], timeout_s=30)
    return (folder / "ca.pem").read_text()


async def _until_answering(net: PrivateNet, folder: Path) -> None:
    url = f"https://127.0.0.1:{PORT}/"
    argv = [*net.launcher(), "curl", "-sS", "--cacert", str(folder / "ca.pem"), url]
    argv += ["-o", "/dev/null", "--max-time", "30"]
    argv += ["--retry", str(_READY_TRIES), "--retry-connrefused", "--retry-delay", "1"]
    await run_async(argv, timeout_s=60)
