"""Whether this controller has the sealing key of its site: a text in the store says so.

Two controllers that start for the first time on one store, each with a folder of its own, would
seal with two keys, and each could read half.  So the first leaves a text that it sealed, and who
can't open it does not start.  Lasts as long as the site.
"""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.authority.custody import SEALED
from heliostat.identity.authority.records import ROOTS
from heliostat.identity.authority.roots import place as root_place
from heliostat.identity.decided import Decided, settle
from heliostat.identity.sealing import Sealing, key_name

SITE = "site"
PLACE = "sealing-check"
_SAID = b"heliostat"


class SealingState(msgspec.Struct, frozen=True, kw_only=True):
    """``check`` is sealed with the site's key.  ``begun`` and ``done`` are names of keys: the one
    that everything was to be sealed under last, and the one that everything is.
    """

    id: str
    check: str
    begun: str = ""
    done: str = ""
    schema: int = 1


SEALING = Kind("sealing", SealingState)


def checked_text(sealing: Sealing) -> str:
    """What a controller of the site can open."""
    return sealing.seal(_SAID, PLACE)


async def confirm(store: CloudStore, sealing: Sealing) -> None:
    """At the start, before anything is sealed; raises ``SealingKeyDiffers``."""

    async def decide() -> Decided[None]:
        stored = await SEALING.get(store, SITE)
        if stored is not None:
            _open(sealing, stored.value.check, PLACE)
            return Decided(None, [], [])
        await _open_a_root(store, sealing)  # of a store from before there was a check
        made = SealingState(id=SITE, check=checked_text(sealing))
        return Decided(None, [SEALING.absent(SITE)], SEALING.put(made))

    await settle(store, decide)


async def _open_a_root(store: CloudStore, sealing: Sealing) -> None:
    for stored in await ROOTS.all(store):
        if stored.value.key.startswith(SEALED):
            key = stored.value.key.removeprefix(SEALED)
            _open(sealing, key, root_place(stored.value.id))


def _open(sealing: Sealing, text: str, place: str) -> None:
    try:
        sealing.unseal(text, place)
    except HeliostatError as error:
        raise PermanentError(
            "SealingKeyDiffers",
            f"The site seals with the key {key_name(text) or 'of before'}; {sealing.source} has "
            f"{', '.join(sealing.names)}.",
        ) from error
