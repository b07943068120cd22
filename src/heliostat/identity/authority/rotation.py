"""From one root to the next, with overlap: decided purely, one commit a step.

``advice`` looks at a snapshot of the site and says what may be done now, and why in a
sentence; ``Rotation`` does it.  Whoever is killed between two steps finds the next
controller's ``advice`` the same.  The switch is a person's to say, because only people
know what else trusts the old root; retiring it is not.
"""

from __future__ import annotations

import msgspec
from cryptography import x509

from heliostat.cloudstore.contract import Change, PrefixUnchanged
from heliostat.core.errors import PermanentError
from heliostat.identity.authority.certificates import key_id, make_request, make_root, pem
from heliostat.identity.authority.company_chain import checked_chain
from heliostat.identity.authority.moves import Advice, Move, Snapshot, advice
from heliostat.identity.authority.overlap import Hosts, snapshot
from heliostat.identity.authority.records import (
    ROOTS,
    Root,
    RootState,
)
from heliostat.identity.authority.roots import Roots, moment, place
from heliostat.identity.decided import Decided, settle


class Rotation:
    """Carries the steps out; ``hosts`` says which hosts there are."""

    def __init__(self, roots: Roots, hosts: Hosts) -> None:
        self._roots = roots
        self._store = roots.store
        self._hosts = hosts

    async def look(self) -> tuple[Snapshot, Advice]:
        """How it stands."""
        world = await snapshot(self._roots, self._hosts)
        return world, advice(world)

    async def step(self, *, force: bool = False, plan: bool = False) -> Advice:
        """Do the next move, or say why it can't be done yet.

        ``force`` neither waits for hosts that did not ask nor for what lives under the old
        root.  Raises ``RotationWaits``.
        """
        world, told = await self.look()
        if told.move is Move.INSTALL or (told.move in (Move.WAIT, Move.DRAIN) and not force):
            raise PermanentError("RotationWaits", f"Not yet: {told.reason}.")
        if plan:
            return told
        if told.move is Move.BEGIN:
            await self._begin()
        elif told.move in (Move.WAIT, Move.SWITCH):
            await self._switch(world.next)
        else:
            await self._retire(world.retiring)
        return (await self.look())[1]

    async def maintain(self) -> None:
        """Retire by itself what nothing lives under, unless another controller does."""
        world, told = await self.look()
        if told.move is not Move.RETIRE:
            return
        try:
            await self._retire(world.retiring)
        except PermanentError as error:
            if error.code != "RotationWaits":
                raise

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

    async def _switch(self, id_: str) -> None:
        to = {RootState.NEXT: RootState.ACTIVE, RootState.ACTIVE: RootState.RETIRING}
        await self._move(id_, RootState.NEXT, to)

    async def _retire(self, id_: str) -> None:
        await self._move(id_, RootState.RETIRING, {RootState.RETIRING: RootState.RETIRED})

    async def _move(self, id_: str, present: RootState, to: dict[RootState, RootState]) -> None:
        """All roots in these states at once; a retired one's key is destroyed.

        Raises ``RotationWaits`` unless ``id_`` is still ``present``: whoever moved it meanwhile
        would be followed by a second move, after which no root signs.
        """

        async def decide() -> Decided[None]:
            page = await ROOTS.list(self._store)
            if (id_, present) not in [(each.value.id, each.value.state) for each in page.items]:
                raise PermanentError("RotationWaits", f"The root {id_} has moved on meanwhile.")
            guards = [PrefixUnchanged(ROOTS.prefix, page.revision)]
            changes: list[Change] = []
            for stored in page.items:
                if stored.value.state in to:
                    changes += ROOTS.put(self._moved(stored.value, to), stored.value)
            return Decided(None, guards, changes)

        await settle(self._store, decide)
        await self._roots.forget()

    def _moved(self, root: Root, to: dict[RootState, RootState]) -> Root:
        state = to[root.state]
        return msgspec.structs.replace(
            root,
            state=state,
            key="" if state is RootState.RETIRED else root.key,
            changed_ms=self._roots.clock.now_ms(),
        )
