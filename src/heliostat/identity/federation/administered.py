"""Providers as administrators see them: made from fields, changed, tried, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heliostat.core.errors import HeliostatError
from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.federation.elsewhere import Elsewhere
from heliostat.identity.federation.providers import Providers, ProviderView
from heliostat.identity.federation.records import Link, Provider, ProviderKind
from heliostat.identity.federation.settings import ProviderSettings


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """A step of trying a provider."""

    step: str
    well: bool
    sentence: str


class AdministeredProviders:
    """The verbs on the providers of one tenant; changes return after their commit."""

    def __init__(
        self,
        providers: Providers,
        settings: ProviderSettings,
        elsewhere: Elsewhere,
        directory: Directory,
    ) -> None:
        self._directory = directory
        self._providers = providers
        self._settings = settings
        self._elsewhere = elsewhere

    def comes_back_to(self, name: str, kind: str) -> str:
        """The address to register at the provider; one of SAML reads our metadata there."""
        if kind == ProviderKind.SAML:
            return self._elsewhere.addresses.entity_id
        return self._elsewhere.comes_back_to(name)

    async def create_provider(
        self, name: str, kind: str, fields: Mapping[str, Any], *, plan: bool = False
    ) -> ProviderView:
        """Raises ``InvalidName``, ``NameTaken``, ``InvalidEntity``, ``GroupNotFound``."""
        await self._refuse_missing(fields)

        def made(id_: str, now_ms: int) -> Provider:
            return self._settings.made(name, kind, fields, id_, now_ms)

        return await self._providers.create(name, made, plan=plan)

    async def get_provider(self, name: str) -> ProviderView:
        """Raises ``ProviderNotFound``."""
        return await self._providers.view(name)

    async def list_providers(self) -> list[ProviderView]:
        return await self._providers.views()

    async def update_provider(
        self,
        name: str,
        fields: Mapping[str, Any],
        *,
        keep_sessions: bool | None = None,
        plan: bool = False,
    ) -> ProviderView:
        """Raises ``ProviderNotFound``, ``InvalidEntity``, ``GroupNotFound``.

        ``keep_sessions``: disabling it ends no session that came through it.
        """
        await self._refuse_missing(fields)
        return await self._providers.change(
            name,
            lambda provider: self._settings.changed(provider, fields),
            keep_sessions=keep_sessions,
            plan=plan,
        )

    async def delete_provider(
        self,
        name: str,
        *,
        with_people: bool = False,
        keep_sessions: bool = False,
        plan: bool = False,
    ) -> ProviderView:
        """Raises ``ProviderNotFound``."""
        return await self._providers.delete(
            name, with_people=with_people, keep_sessions=keep_sessions, plan=plan
        )

    async def people_of_provider(self, name: str) -> list[Link]:
        """Who here signs in with it; raises ``ProviderNotFound``."""
        await self._providers.get(name)
        return await self._providers.links(name)

    async def probe_provider(self, name: str, *, plan: bool = False) -> tuple[ProbeStep, ...]:
        """Ask a provider for what it says of itself; changes nothing.

        Raises ``ProviderNotFound``, ``InvalidOperation`` for one that has nothing to be asked.
        """
        provider = await self._providers.get(name)
        if provider.kind is ProviderKind.SAML:
            return () if plan else probed_metadata(provider)
        openid = self._elsewhere.asked(provider)
        if plan:
            return ()
        steps: list[ProbeStep] = []
        for step, ask in (("discovery", openid.probed), ("keys", openid.probed_keys)):
            try:
                steps.append(ProbeStep(step, True, await ask()))
            except HeliostatError as error:
                steps.append(ProbeStep(step, False, error.message))
                break
        return tuple(steps)

    async def _refuse_missing(self, fields: Mapping[str, Any]) -> None:
        """A rule for a group that is not there would be one that nobody notices."""
        for rule in fields.get("groups", ()):
            await self._directory.get_group(str(rule.get("group", "")))


def probed_metadata(provider: Provider) -> tuple[ProbeStep, ...]:
    """What a SAML provider's metadata tells; nothing is asked over the network."""
    from heliostat.identity.saml.elsewhere import described_by  # lxml only now

    described = described_by(provider)
    places = ", ".join(dict.fromkeys(each.location for each in described.sign_ons))
    told = f"{described.entity_id} signs in at {places}, with {len(described.signing)} keys."
    logout = "It tells of signing out." if described.logouts else "It does not tell of signing out."
    return (ProbeStep("metadata", True, told), ProbeStep("logout", True, logout))
