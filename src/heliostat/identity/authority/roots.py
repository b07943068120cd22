"""The site's roots: whom to trust, and who signs intermediates.

There is always one that signs (``ACTIVE``); beside it may be the next one, and ones that
retire.  They are documents, read again every half minute, so that what one controller
does counts at all.  The folder has a copy: ``ca.pem``, all roots to trust with the
signing one first, and ``ca.key``, its key sealed.  A folder from before, whose key lies
there in the clear, is imported at the first start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from heliostat.cloudstore.contract import CloudStore, GuardFailed, PrefixEmpty
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.identity.authority.certificates import key_id, make_root, path_length, pem
from heliostat.identity.authority.custody import SEALED, Custody
from heliostat.identity.authority.records import ROOTS, Root, RootState

RELOAD_S = 30.0
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Rooted:
    """A root with its certificates read; ``above`` ends with the one to trust."""

    record: Root
    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...]

    @property
    def anchor(self) -> x509.Certificate:
        """The certificate to trust: its own, or that at the top of the company's chain."""
        return self.above[-1] if self.above else self.certificate

    @property
    def below_anchor(self) -> tuple[x509.Certificate, ...]:
        """What a server has to show besides its own chain."""
        return (self.certificate, *self.above[:-1]) if self.above else ()


class Roots:
    """The roots as they are now; ``folder`` is where the copy lies (``None``: nowhere)."""

    def __init__(
        self, store: CloudStore, clock: Clock, domain: str, custody: Custody, folder: Path | None
    ) -> None:
        self.store = store
        self.clock = clock
        self.domain = domain
        self.custody = custody
        self._folder = folder
        self._known: Mapping[str, Rooted] = {}
        self._read_at: float | None = None

    async def all(self, older_than_s: float = RELOAD_S) -> list[Rooted]:
        """Every root that has a certificate, the oldest first; made at the first start.

        Raises ``CertificateInvalid`` when the folder holds no usable authority.
        """
        now_s = self.clock.monotonic_s()
        if self._read_at is None or now_s - self._read_at >= older_than_s:
            await self._read()
            self._read_at = now_s
        return sorted(self._known.values(), key=lambda each: each.record.created_ms)

    async def active(self) -> Rooted:
        """The one that signs."""
        return next(each for each in await self.all() if each.record.state is RootState.ACTIVE)

    async def find(self, id_: str) -> Rooted | None:
        """A root in any state."""
        found = self._known.get(id_)
        if found is None:
            await self.all(0.0)
            found = self._known.get(id_)
        return found

    async def key(self, root: Root) -> ec.EllipticCurvePrivateKey:
        """Raises ``SealBroken``, ``TokenUnusable``."""
        return await self.custody.load(root.key, place(root.id))

    async def trusted(self) -> list[Rooted]:
        """Those to trust, the signing one first."""
        found = [each for each in await self.all() if each.record.state.is_trusted]
        return sorted(found, key=lambda each: each.record.state is not RootState.ACTIVE)

    async def forget(self) -> None:
        """Read again now, because something was written."""
        await self.all(0.0)
        await self.copy()

    async def copy(self) -> None:
        """Bring the folder's copy up to date."""
        if self._folder is None:
            return
        active = await self.active()
        bundle = b"".join(pem(each.anchor) for each in await self.trusted())
        _replace(self._folder / "ca.pem", bundle, 0o644)
        if active.record.key.startswith(SEALED):
            own = pem(active.certificate) + b"".join(map(pem, active.above))
            _replace(self._folder / "ca.key", f"{active.record.key}\n".encode() + own, PRIVATE)
        else:
            (self._folder / "ca.key").unlink(missing_ok=True)

    async def _read(self) -> None:
        stored = await ROOTS.all(self.store)
        if not stored:
            root = await self._from_folder() or await self._new()
            with contextlib.suppress(GuardFailed):  # another controller started just now
                await self.store.commit([PrefixEmpty(ROOTS.prefix)], ROOTS.put(root))
            stored = await ROOTS.all(self.store)
            self._known = _read_all([each.value for each in stored])
            self._read_at = self.clock.monotonic_s()
            await self.copy()
        self._known = _read_all([each.value for each in stored])

    async def _new(self) -> Root:
        key = await self.custody.new_key()
        id_ = key_id(key.public_key())
        now_ms = self.clock.now_ms()
        certificate = make_root(key, moment(now_ms), self.domain)
        return Root(
            id=id_,
            state=RootState.ACTIVE,
            key=self.custody.keep(key, place(id_)),
            certificate_pem=pem(certificate).decode(),
            created_ms=now_ms,
            changed_ms=now_ms,
        )

    async def _from_folder(self) -> Root | None:
        if self._folder is None:
            return None
        key_path, root_path = self._folder / "ca.key", self._folder / "ca.pem"
        if not key_path.exists() and not root_path.exists():
            return None
        try:
            raw = key_path.read_bytes()
            if raw.startswith(SEALED.encode()):
                return await self._copied(raw)
            return self._imported(raw, root_path.read_bytes())
        except (OSError, ValueError) as error:
            raise PermanentError(
                "CertificateInvalid",
                f"{self._folder} holds no usable certificate authority: {error}.",
                hint="Restore the folder from a copy.",
            ) from error

    def _imported(self, raw_key: bytes, raw_root: bytes) -> Root:
        """A folder from before; raises ``ValueError``."""
        key = load_pem_private_key(raw_key, password=None)
        root = x509.load_pem_x509_certificate(raw_root)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("its key is no elliptic curve key")  # noqa: TRY004 - a wrong file
        if root.public_key() != key.public_key():
            raise ValueError("its certificate and its key do not belong together")
        now_ms, id_ = self.clock.now_ms(), key_id(key.public_key())
        return Root(
            id=id_,
            state=RootState.ACTIVE,
            key=self.custody.keep(key, place(id_)),
            certificate_pem=pem(root).decode(),
            signs_leaves=path_length(root) == 0,
            created_ms=now_ms,
            changed_ms=now_ms,
        )

    async def _copied(self, raw: bytes) -> Root:
        """The folder's copy, for a store that was lost; raises ``ValueError``, ``SealBroken``."""
        name, _, chain = raw.partition(b"\n")
        own, *above = x509.load_pem_x509_certificates(chain)
        id_ = key_id(own.public_key())
        key = await self.custody.load(name.decode(), place(id_))
        if own.public_key() != key.public_key():
            raise ValueError("its certificate and its key do not belong together")
        now_ms = self.clock.now_ms()
        return Root(
            id=id_,
            state=RootState.ACTIVE,
            key=name.decode(),
            certificate_pem=pem(own).decode(),
            above_pem=b"".join(map(pem, above)).decode(),
            signs_leaves=path_length(own) == 0,
            created_ms=now_ms,
            changed_ms=now_ms,
        )


def place(id_: str) -> str:
    """What a root's sealed key is bound to."""
    return f"authority-root/{id_}"


def moment(ms: int) -> datetime:
    """A time of ours as certificates have it: whole seconds, UTC."""
    return datetime.fromtimestamp(ms // 1000, UTC)


def _read_all(roots: list[Root]) -> dict[str, Rooted]:
    return {
        root.id: Rooted(
            root,
            x509.load_pem_x509_certificate(root.certificate_pem.encode()),
            tuple(x509.load_pem_x509_certificates(root.above_pem.encode()))
            if root.above_pem
            else (),
        )
        for root in roots
        if root.certificate_pem
    }


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Write only what differs: controllers of one machine read the folder all the time."""
    if not path.exists() or path.read_bytes() != content:
        atomic_write(path, content, mode=mode)
