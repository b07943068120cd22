"""A node of the directory on a machine without a controller: slapd in the foreground.

Made from its bundle the first time; from then on its folder is all it needs, and a bundle of
a node that was replaced begins anew beside it.  It is started again when it ends by itself;
once it was removed from the directory it ends and deletes its copy.
SIGTERM and SIGINT end it.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
from pathlib import Path

from heliostat.core import logs
from heliostat.core.clock import SystemClock
from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.identity.openldap.bundle import PRIVATE, opened, unpacked
from heliostat.identity.openldap.config import NodeConfig
from heliostat.identity.openldap.dismissal import until_dismissed
from heliostat.identity.openldap.renewal import NodeRenewal
from heliostat.identity.openldap.slapd import Folder, prepare_node, start

log = logging.getLogger(__name__)
AGAIN_S = 2.0
LOOK_S = 60.0
DISMISSED_S = 5.0
"""Between looks whether the node was removed."""
KEPT = "node.json"


def main(bundle: Path | None, folder: Path) -> None:
    """Run until told to end; raises what keeps it from starting."""
    logs.configure(logs.LogSettings())
    asyncio.run(_run(_config(bundle, folder)))


def _config(bundle: Path | None, folder: Path) -> NodeConfig:
    """Of the node in the bundle, else of the one that was made here last."""
    kept = folder / KEPT
    if bundle is None and not kept.exists():
        raise PermanentError(
            "InvalidEntity",
            f"{folder} holds no node yet.",
            hint="Give the file that `helio identity node add --bundle FILE` wrote.",
        )
    text = (bundle or kept).read_bytes()
    node = opened(text).node
    config = unpacked(text, folder / node.identity)
    atomic_write(kept, text, mode=PRIVATE)
    return config


async def _run(config: NodeConfig) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    folder = Folder(config.folder)
    await prepare_node(folder, config)
    renewal = NodeRenewal(config, SystemClock())
    ended = asyncio.create_task(stop.wait())
    dismissed = asyncio.create_task(until_dismissed(folder, SystemClock(), DISMISSED_S))
    while not stop.is_set() and not dismissed.done():
        server = await start(folder, [config.node.url])
        log.info("node %s is ready at %s", config.node.name, config.node.url)
        running = asyncio.create_task(server.process.wait())
        renewed = asyncio.create_task(renewal.until_renewed(LOOK_S))
        waiting = {ended, running, renewed, dismissed}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        renewed.cancel()
        if running.done() and not (stop.is_set() or dismissed.done()):
            log.warning("node %s ended and is started again", config.node.name)
            await asyncio.sleep(AGAIN_S)
        await server.stop()
        await running
    if dismissed.done():
        await asyncio.to_thread(_forget, config)
    dismissed.cancel()


def _forget(config: NodeConfig) -> None:
    """Delete the copy of a directory that this node is none of any more."""
    log.warning("node %s was removed from the directory: its copy is deleted", config.node.name)
    shutil.rmtree(config.folder)
    kept = config.folder.parent / KEPT
    if kept.exists() and opened(kept.read_bytes()).node.identity == config.node.identity:
        kept.unlink()
