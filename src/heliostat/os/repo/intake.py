"""What importing and building made, signed and published in one go.

Signing is deterministic, so what was signed before is taken as it is: named by the
package's own header digest and the key.  Doing it twice publishes nothing new.  The
package that makes clients gets our key on this way, since only here it is known.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.reader import read
from heliostat.os.packages.rpm.signing import sign
from heliostat.os.packages.rpm.tags import SignatureTag
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.client import completed
from heliostat.os.repo.publish import Published, publish
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.staging import Rules, add

_THREADS = 2
_KEPT_S = 14 * 86_400.0


def take_in(
    repository: Repository,
    packages: Sequence[Path],
    signer: Signer,
    cache: Path,
    *,
    rules: Rules | None = None,
    reason: str = "",
    monitor: Monitor | None = None,
) -> Published:
    """Sign packages (unsigned, of our own making), add them and publish.

    ``rules`` says what they may replace; by default rebuilt ones of the same version too.
    """
    told = monitor or SilentMonitor()
    url = repository.settings.url.removesuffix(repository.name).rstrip("/")
    with told.step(f"Signing {counted(len(packages), 'package')}"):
        ready = [completed(each, signer, url, cache / "own-client") for each in packages]
        signed = signed_copies(ready, signer, cache)
    with told.step(f"Publishing {repository.name}"):
        add(
            repository,
            signed,
            Trust(signer.keyring),
            cache,
            rules=rules or Rules(rebuilt=True, link=True),
            monitor=told,
        )
        return publish(repository, signer, cache, monitor=told, reason=reason)


def signed_copies(packages: Sequence[Path], signer: Signer, cache: Path) -> list[Path]:
    """Signed copies in the cache, in the order given; those made before are not made again."""
    _forget_unneeded(cache / "signed", time.time())
    folder = cache / "signed" / signer.key_id
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda path: _signed(path, signer, folder), packages))


def _forget_unneeded(folder: Path, now: float) -> None:
    """Copies that no repository shares, and that are old: making them again is quick."""
    for path in folder.rglob("*.rpm"):
        with contextlib.suppress(FileNotFoundError):  # another process forgot it first
            facts = path.stat()
            if facts.st_nlink == 1 and now - facts.st_mtime > _KEPT_S:
                path.unlink()


def _signed(path: Path, signer: Signer, folder: Path) -> Path:
    name = read(path).front.signature.string(SignatureTag.SHA256)
    target = folder / name[:2] / f"{name}.rpm"
    if not _is_whole(target):
        sign(path, signer, target)
    return target


def _is_whole(path: Path) -> bool:
    """Whether it was made, and reached the disk before a power cut."""
    try:
        front = read(path).front
        return path.stat().st_size == front.header_start + front.claimed_bytes
    except (FileNotFoundError, HeliostatError):
        return False
