"""What the API asks of other providers that people sign in with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from heliostat.controller.api.source_ports import StepRecord


class OpenIdRecord(Protocol):
    """How an OpenID provider is asked; secrets are sealed, or empty."""

    @property
    def issuer(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def scopes(self) -> Sequence[str]: ...
    @property
    def secret(self) -> str: ...
    @property
    def private_key(self) -> str: ...
    @property
    def ca_pem(self) -> str: ...


class GroupRuleRecord(Protocol):
    """Which group there makes which group here."""

    @property
    def value(self) -> str: ...
    @property
    def group(self) -> str: ...


class SamlDescription(Protocol):
    """What is kept of a SAML provider."""

    @property
    def entity_id(self) -> str: ...


class ProviderKept(Protocol):
    """Another provider, as it is kept."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def created_ms(self) -> int: ...
    @property
    def disabled(self) -> bool: ...
    @property
    def make_users(self) -> bool: ...
    @property
    def trust_second_factor(self) -> bool: ...
    @property
    def email_domains(self) -> Sequence[str]: ...
    @property
    def claims(self) -> Struct: ...
    @property
    def groups(self) -> Sequence[GroupRuleRecord]: ...
    @property
    def oidc(self) -> OpenIdRecord | None: ...
    @property
    def saml(self) -> SamlDescription | None: ...


class ProviderRecord(Protocol):
    """Another provider, and to how many people here it is linked."""

    @property
    def name(self) -> str: ...
    @property
    def provider(self) -> ProviderKept: ...
    @property
    def people(self) -> int: ...


class ProviderPerson(Protocol):
    """One of a provider's people; ``name`` is the user here."""

    @property
    def name(self) -> str: ...
    @property
    def issuer(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def created_ms(self) -> int: ...
    @property
    def used_ms(self) -> int: ...


class ProvidersPort(Protocol):
    """Other providers of one tenant; changes as in ``DirectoryPort``."""

    def comes_back_to(self, name: str, kind: str) -> str:
        """The address to register at the provider."""

    async def create_provider(
        self, name: str, kind: str, fields: Mapping[str, Any], *, plan: bool = False
    ) -> ProviderRecord: ...
    async def get_provider(self, name: str) -> ProviderRecord: ...
    async def list_providers(self) -> Sequence[ProviderRecord]: ...
    async def update_provider(
        self,
        name: str,
        fields: Mapping[str, Any],
        *,
        keep_sessions: bool | None = None,
        plan: bool = False,
    ) -> ProviderRecord: ...
    async def delete_provider(
        self,
        name: str,
        *,
        with_people: bool = False,
        keep_sessions: bool = False,
        plan: bool = False,
    ) -> ProviderRecord: ...
    async def people_of_provider(self, name: str) -> Sequence[ProviderPerson]: ...
    async def probe_provider(self, name: str, *, plan: bool = False) -> Sequence[StepRecord]: ...
