"""The form that tells a service provider no."""

from __future__ import annotations

from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.saml import answers
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.bindings import RESPONSE, to_form
from heliostat.identity.saml.keys import SamlKeys
from heliostat.identity.saml.outgoing import Form
from heliostat.identity.saml.records import ServiceProvider
from heliostat.identity.saml.requests import Refusal


class Refusing:
    """Signs one tenant's refusals."""

    def __init__(self, clock: Clock, ids: Ids, keys: SamlKeys, addresses: Addresses) -> None:
        self._clock = clock
        self._ids = ids
        self._keys = keys
        self._addresses = addresses

    async def form(
        self,
        provider: ServiceProvider,
        target: str,
        request_id: str,
        relay_state: str,
        refusal: Refusal,
    ) -> Form:
        """What the browser posts to ``target``; ``request_id`` is empty where nothing was asked."""
        message = answers.refusal(
            self._addresses.entity_id,
            target,
            request_id,
            new_id(self._ids),
            self._clock.now_ms(),
            await self._keys.signer(),
            (refusal.top, refusal.second, refusal.sentence),
        )
        fields = to_form(RESPONSE, message, relay_state)
        return Form(provider.title or provider.name, target, fields)


def new_id(ids: Ids) -> str:
    """An id for a message: no number first, as XML wants it."""
    return "_" + ids.secret(20)


class Told(Exception):
    """The provider is told no at once, with this form."""

    def __init__(self, form: Form) -> None:
        super().__init__("refused")
        self.form = form
