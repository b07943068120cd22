"""From one root to the next, with overlap: decided purely, one commit a step.

``advice`` looks at a snapshot of the site and says what may be done now, and why in a
sentence; ``Rotation`` does it.  Whoever is killed between two steps finds the next
controller's ``advice`` the same.  The switch is a person's to say, because only people
know what else trusts the old root; retiring it is not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from heliostat.cloudstore.contract import PrefixUnchanged
from heliostat.cloudstore.documents import walk
from heliostat.core.counting import counted
from heliostat.core.errors import PermanentError
from heliostat.identity.authority.certificates import (
    key_id,
    make_request,
    make_root,
    path_length,
    pem,
    public_bytes,
)
from heliostat.identity.authority.records import (
    ALL_CERTIFICATES,
    HOST_TRUST,
    OWN,
    ROOTS,
    Root,
    RootState,
    certificates,
)
from heliostat.identity.authority.roots import Roots, moment, place
from heliostat.identity.decided import Decided, settle
from heliostat.identity.options import SYSTEM_TENANT

MAX_CHAIN = 6
Hosts = Callable[[], Awaitable[Collection[str]]]
"""The ids of the site's hosts."""


class Move(StrEnum):
    """What may be done."""

    BEGIN = "begin"
    INSTALL = "install"
    WAIT = "wait"
    SWITCH = "switch"
    DRAIN = "drain"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a decision needs: roots by state, hosts that know, what lives under the old root."""

    requested: str = ""
    next: str = ""
    retiring: str = ""
    hosts: int = 0
    hosts_told: int = 0
    hosts_renewed: int = 0
    under_old: int = 0
    under_old_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Advice:
    """The next move and its reason."""

    move: Move
    reason: str


def advice(world: Snapshot) -> Advice:
    """Pure: what may be done now."""
    if world.requested:
        return Advice(
            Move.INSTALL,
            f"the key {world.requested} waits for a certificate of the company's authority",
        )
    if world.next:
        told = f"{world.hosts_told} of {counted(world.hosts, 'host')} trust the new root"
        if world.hosts_told < world.hosts:
            return Advice(Move.WAIT, f"{told}; the others ask within an hour")
        return Advice(
            Move.SWITCH, f"{told}; have people and other machines trust it, too, before the switch"
        )
    if world.retiring:
        renewed = f"{world.hosts_renewed} of {counted(world.hosts, 'host')} renewed"
        if world.hosts_renewed < world.hosts or world.under_old:
            until = (
                f"; the last of them ends on {moment(world.under_old_until_ms):%Y-%m-%d}"
                if world.under_old
                else ""
            )
            left = counted(world.under_old, "certificate")
            return Advice(Move.DRAIN, f"{renewed}, {left} under the old root still count{until}")
        return Advice(Move.RETIRE, f"{renewed}, nothing lives under the old root")
    return Advice(Move.BEGIN, "one root signs, and none is on its way")


class Rotation:
    """Carries the steps out; ``hosts`` says which hosts there are."""

    def __init__(self, roots: Roots, hosts: Hosts) -> None:
        self._roots = roots
        self._store = roots.store
        self._hosts = hosts

    async def look(self) -> tuple[Snapshot, Advice]:
        """How it stands."""
        world = await self._snapshot()
        return world, advice(world)

    async def step(self, *, force: bool = False, plan: bool = False) -> Advice:
        """Do the next move, or say why it can't be done yet.

        ``force`` neither waits for hosts that did not ask nor for what lives under the old
        root.  Raises ``RotationWaits``.
        """
        _, told = await self.look()
        if told.move is Move.INSTALL or (told.move in (Move.WAIT, Move.DRAIN) and not force):
            raise PermanentError("RotationWaits", f"Not yet: {told.reason}.")
        if plan:
            return told
        if told.move is Move.BEGIN:
            await self._begin()
        elif told.move in (Move.WAIT, Move.SWITCH):
            await self._switch()
        else:
            await self._retire()
        return (await self.look())[1]

    async def maintain(self) -> None:
        """Retire by itself what nothing lives under."""
        _, told = await self.look()
        if told.move is Move.RETIRE:
            await self._retire()

    async def request(self, *, plan: bool = False) -> str:
        """A request for the company's authority, as PEM; the same until it is installed.

        Raises ``RotationWaits`` while another root is on its way.
        """
        world, told = await self.look()
        if world.requested:
            stored = await ROOTS.get(self._store, world.requested)
            return stored.value.csr_pem if stored is not None else ""
        if told.move is not Move.BEGIN:
            raise PermanentError("RotationWaits", f"Not yet: {told.reason}.")
        key = await self._roots.custody.new_key()
        request = make_request(key, self._roots.domain)
        id_, now_ms = key_id(key.public_key()), self._roots.clock.now_ms()
        root = Root(
            id=id_,
            state=RootState.REQUESTED,
            key=self._roots.custody.keep(key, place(id_)),
            csr_pem=request,
            created_ms=now_ms,
            changed_ms=now_ms,
        )
        await self._put_new(root, plan=plan)
        return request

    async def install(self, chain_pem: str, *, plan: bool = False) -> Root:
        """The certificate that was asked for, with the chain up to the one to trust.

        One that is installed already stays as it is.  Raises ``InvalidEntity`` with what is
        wrong with it, ``RotationWaits`` when none waits.
        """
        world, told = await self.look()
        if (known := await self._installed(chain_pem)) is not None:
            return known
        if not world.requested:
            raise PermanentError(
                "RotationWaits",
                f"Nothing waits for a certificate: {told.reason}.",
                hint="Make a request first: `helio identity ca csr`.",
            )

        async def decide() -> Decided[Root]:
            stored = await ROOTS.get(self._store, world.requested)
            if stored is None or stored.value.state is not RootState.REQUESTED:
                raise PermanentError("RotationWaits", "Somebody else installed it meanwhile.")
            now_ms = self._roots.clock.now_ms()
            own, above = checked_chain(chain_pem, stored.value.csr_pem, moment(now_ms))
            new = msgspec.structs.replace(
                stored.value,
                state=RootState.NEXT,
                certificate_pem=pem(own).decode(),
                above_pem=b"".join(map(pem, above)).decode(),
                changed_ms=now_ms,
            )
            return Decided(new, [ROOTS.guard(stored)], ROOTS.put(new, stored.value))

        installed = await settle(self._store, decide, plan=plan)
        if not plan:
            await self._roots.forget()
        return installed

    async def _installed(self, chain_pem: str) -> Root | None:
        try:
            given = {pem(each) for each in x509.load_pem_x509_certificates(chain_pem.encode())}
        except ValueError:
            return None  # the check of chains says what is wrong
        for each in await self._roots.all():
            if pem(each.certificate) in given and each.record.state.is_trusted:
                return each.record
        return None

    async def cancel(self, *, plan: bool = False) -> str:
        """Give up a root that does not sign yet; gives its id (empty: there is none).

        Raises ``RotationWaits`` when it has begun to sign meanwhile.
        """
        world, _ = await self.look()
        given_up = world.requested or world.next
        if not given_up:
            return ""

        async def decide() -> Decided[str]:
            stored = await ROOTS.get(self._store, given_up)
            if stored is None or stored.value.state not in (RootState.REQUESTED, RootState.NEXT):
                raise PermanentError("RotationWaits", "It has moved on meanwhile.")
            changes = ROOTS.delete(stored.value)
            return Decided(given_up, [ROOTS.guard(stored)], changes)

        await settle(self._store, decide, plan=plan)
        if not plan:
            await self._roots.forget()
        return given_up

    async def _begin(self) -> None:
        key = await self._roots.custody.new_key()
        id_, now_ms = key_id(key.public_key()), self._roots.clock.now_ms()
        made = make_root(key, moment(now_ms), self._roots.domain)
        await self._put_new(
            Root(
                id=id_,
                state=RootState.NEXT,
                key=self._roots.custody.keep(key, place(id_)),
                certificate_pem=pem(made).decode(),
                created_ms=now_ms,
                changed_ms=now_ms,
            )
        )

    async def _put_new(self, root: Root, *, plan: bool = False) -> None:
        async def decide() -> Decided[None]:
            page = await ROOTS.list(self._store)
            under_way = [
                each.value.state
                for each in page.items
                if each.value.state not in (RootState.ACTIVE, RootState.RETIRED)
            ]
            if under_way:
                raise PermanentError("RotationWaits", f"One is {under_way[0]} already.")
            guard = PrefixUnchanged(ROOTS.prefix, page.revision)
            return Decided(None, [guard], ROOTS.put(root))

        await settle(self._store, decide, plan=plan)
        if not plan:
            await self._roots.forget()

    async def _switch(self) -> None:
        await self._move({RootState.NEXT: RootState.ACTIVE, RootState.ACTIVE: RootState.RETIRING})

    async def _retire(self) -> None:
        await self._move({RootState.RETIRING: RootState.RETIRED})

    async def _move(self, to: dict[RootState, RootState]) -> None:
        """All roots in these states at once; a retired one's key is destroyed."""

        async def decide() -> Decided[None]:
            page = await ROOTS.list(self._store)
            guards = [PrefixUnchanged(ROOTS.prefix, page.revision)]
            changes = []
            for stored in page.items:
                if stored.value.state in to:
                    state = to[stored.value.state]
                    new = msgspec.structs.replace(
                        stored.value,
                        state=state,
                        key="" if state is RootState.RETIRED else stored.value.key,
                        changed_ms=self._roots.clock.now_ms(),
                    )
                    changes += ROOTS.put(new, stored.value)
            return Decided(None, guards, changes)

        await settle(self._store, decide)
        await self._roots.forget()

    async def _snapshot(self) -> Snapshot:
        found = [each.value for each in await ROOTS.all(self._store)]
        by_state = {each.state: each for each in found}
        next_, old = by_state.get(RootState.NEXT), by_state.get(RootState.RETIRING)
        requested = by_state.get(RootState.REQUESTED)
        if next_ is None and old is None:
            return Snapshot(requested=requested.id if requested else "")
        hosts = set(await self._hosts())
        trust = {each.value.id: each.value for each in await HOST_TRUST.all(self._store)}
        known = [trust[host] for host in hosts if host in trust]
        since_ms = old.changed_ms if old is not None else 0
        count, until_ms = await self._shown_with(since_ms) if old is not None else (0, 0)
        return Snapshot(
            requested=requested.id if requested else "",
            next=next_.id if next_ is not None else "",
            retiring=old.id if old is not None else "",
            hosts=len(hosts),
            hosts_told=sum(next_ is not None and next_.id in each.roots for each in known),
            hosts_renewed=sum(
                old is not None and bool(each.issuer) and each.issuer != old.id for each in known
            ),
            under_old=count,
            under_old_until_ms=until_ms,
        )

    async def _shown_with(self, switched_ms: int) -> tuple[int, int]:
        """Certificates of all tenants from before the switch that still count, and their last end.

        Whoever has one shows it with the chain of then, below the old root.  Those of hosts
        and controllers are left out: they renew by themselves, and hosts are counted apart.
        """
        now_ms = self._roots.clock.now_ms()
        ends: dict[str, int] = {}
        renewed: set[str] = set()
        kind = certificates(SYSTEM_TENANT)  # reads those of any tenant
        async for document in walk(self._store, ALL_CERTIFICATES):
            each = kind.read(document).value
            renewed.add(each.replaces)
            before = each.created_ms <= switched_ms
            if before and each.via not in OWN and each.is_active(now_ms):
                ends[each.id] = each.not_after_ms
        left = [end for id_, end in ends.items() if id_ not in renewed]
        return len(left), max(left, default=0)


def checked_chain(
    text: str, csr_pem: str, now: datetime
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Our certificate and those above it, the one to trust last; raises ``InvalidEntity``."""
    try:
        given = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise _wrong(f"it can't be read ({error})") from error
    wanted = public_bytes(x509.load_pem_x509_csr(csr_pem.encode()).public_key())
    own = next((each for each in given if public_bytes(each.public_key()) == wanted), None)
    if own is None:
        raise _wrong("none of its certificates is for the key of the request")
    chain = [own]
    while chain[-1].issuer != chain[-1].subject:
        if len(chain) > MAX_CHAIN:
            raise _wrong(f"it is longer than {MAX_CHAIN} certificates")
        above = next((each for each in given if _signed_by(chain[-1], each)), None)
        if above is None:
            raise _wrong(f"it lacks the certificate of {chain[-1].issuer.rfc4514_string()[:120]}")
        chain.append(above)
    _check_authorities(chain, now)
    return own, chain[1:]


def _check_authorities(chain: list[x509.Certificate], now: datetime) -> None:
    for depth, each in enumerate(chain):
        name = each.subject.rfc4514_string()[:80]
        if not each.not_valid_before_utc <= now < each.not_valid_after_utc:
            raise _wrong(f"{name} is not valid now")
        try:
            below = path_length(each)
        except ValueError as error:
            raise _wrong(f"{name}: {error}") from error
        if below is not None and below < depth + 1:
            raise _wrong(f"{name} allows {below} authorities below it, and {depth + 1} are needed")
        try:
            usage = each.extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:
            continue
        if not (usage.key_cert_sign and usage.crl_sign):
            raise _wrong(f"{name} may not sign certificates and lists")
    if chain[0].issuer == chain[0].subject:
        raise _wrong("it is signed by itself")


def _signed_by(one: x509.Certificate, other: x509.Certificate) -> bool:
    if one.issuer != other.subject or one == other:
        return False
    try:
        one.verify_directly_issued_by(other)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _wrong(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The chain is refused: {why}.")
