"""A node for another machine, as one text: what it is, and its keys.  Secret.

Whoever has it can be that node, so it is shown once and kept with mode 0600.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.identity.openldap.config import NodeConfig
from heliostat.identity.openldap.membership import links_in
from heliostat.identity.openldap.node import Node
from heliostat.identity.passwords.options import HashCost

PRIVATE = 0o600


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """See the module; ``files`` are those of the folder ``tls``, by name."""

    node: Node
    domain: str
    suffix: str
    others: tuple[Node, ...]
    files: dict[str, str]
    memory_kib: int
    passes: int
    lanes: int
    schema: int = 1


def bundled(config: NodeConfig, domain: str) -> Bundle:
    """What ``config`` and the files that it names come to."""
    tls = config.folder / "tls"
    return Bundle(
        node=config.node,
        domain=domain,
        suffix=config.suffix,
        others=config.others,
        files={each.name: each.read_text() for each in sorted(tls.iterdir())},
        memory_kib=config.hashing.memory_kib,
        passes=config.hashing.passes,
        lanes=config.hashing.lanes,
    )


def opened(text: bytes) -> Bundle:
    """Raises ``InvalidEntity`` for what is no bundle."""
    try:
        return msgspec.json.decode(text, type=Bundle)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PermanentError("InvalidEntity", f"This is no node's bundle: {error}.") from error


def unpacked(text: bytes, folder: Path) -> NodeConfig:
    """Write the files of a bundle below ``folder`` (those there are stay: they are newer).

    Gives the configuration of its node; raises ``InvalidEntity`` for what is no bundle.
    """
    bundle = opened(text)
    wanted = {each.name for each in _files(folder)}
    if set(bundle.files) != wanted:
        raise PermanentError("InvalidEntity", "This is no node's bundle: its files are others.")
    for name, content in bundle.files.items():
        path = folder / "tls" / name
        if not path.exists():
            atomic_write(path, content.encode(), mode=PRIVATE)
    return NodeConfig(
        bundle.node,
        bundle.suffix,
        folder,
        links_in(folder),
        bundle.others,
        HashCost(memory_kib=bundle.memory_kib, passes=bundle.passes, lanes=bundle.lanes),
        (os.getuid(), os.getgid()),
    )


def _files(folder: Path) -> list[Path]:
    links = links_in(folder)
    return [
        links.chain,
        links.key,
        links.authority,
        links.link_certificate,
        links.link_key,
        links.link_authority,
    ]
