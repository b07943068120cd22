"""One run of ``helio``: what was chosen, which platform, who calls.

Created before the command line is read and closed after the command; the client
is made when first needed, so a command that needs none makes none.  A profile's
tokens, CA and context go only to that profile's own target.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from heliostat.core.errors import HeliostatError

if TYPE_CHECKING:
    from heliostat.cli.output import Output
    from heliostat.client.client import Client
    from heliostat.client.config import ConfigFile, Profile
    from heliostat.client.credentials import Credentials
    from heliostat.client.directory import Groups, OidcClients, ServiceAccounts, Users

SOCKET = Path("run") / "controller.sock"


@dataclass(slots=True)
class Choices:
    """What global and common options said."""

    output: str = "table"
    quiet: bool = False
    target: str = ""
    profile: str = ""
    domain: str = ""
    plan: bool = False
    no_wait: bool = False
    timeout_s: float | None = None

    @property
    def json(self) -> bool:
        return self.output == "json"


@dataclass(frozen=True, slots=True)
class Place:
    """The target in use, and what named it."""

    target: str
    source: str


@dataclass
class Session:
    """Choices, configuration and, once asked for, the client."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    choices: Choices = field(default_factory=Choices)

    @cached_property
    def config_file(self) -> ConfigFile:
        from heliostat.client.config import ConfigFile, default_path

        return ConfigFile(default_path(self.environ))

    @property
    def profile_name(self) -> str:
        chosen = self.choices.profile or self.environ.get("HELIO_PROFILE", "")
        return chosen or self.config_file.read().profile

    @property
    def profile(self) -> Profile:
        """The profile as it is in the file now."""
        return self.config_file.read().get(self.profile_name)

    @cached_property
    def output(self) -> Output:
        from heliostat.cli.output import Output

        return Output(self.choices)

    @cached_property
    def client(self) -> Client:
        """The client of the platform in use; raises ``NotConfigured`` if there is none."""
        from heliostat.client.client import Client

        return Client(self.place().target, self.credentials(), self.ca_pem())

    @property
    def users(self) -> Users:
        """People of the domain in use."""
        return self.client.users.of(self.choices.domain)

    @property
    def groups(self) -> Groups:
        """Groups of the domain in use."""
        return self.client.groups.of(self.choices.domain)

    @property
    def service_accounts(self) -> ServiceAccounts:
        """Programs of the domain in use."""
        return self.client.service_accounts.of(self.choices.domain)

    @property
    def domain(self) -> str:
        """The domain in use, also where it is the site's own."""
        return self.choices.domain or self.client.system.auth().domain

    @property
    def oidc_clients(self) -> OidcClients:
        """Programs that people of the domain in use sign in to."""
        return self.client.oidc_clients.of(self.choices.domain)

    def place(self) -> Place:
        """Where to go: option, environment, profile, this machine's platform."""
        if self.choices.target:
            return Place(self.choices.target, "--target")
        if named := self.environ.get("HELIO_TARGET"):
            return Place(named, "HELIO_TARGET")
        if kept := self.profile.target:
            return Place(kept, f"profile {self.profile_name}")
        if home := self.environ.get("HELIO_HOME"):
            return Place(f"unix:{Path(home).absolute() / SOCKET}", "HELIO_HOME")
        socket = Path.home() / ".heliostat" / SOCKET
        if socket.exists():
            return Place(f"unix:{socket}", "this machine's platform")
        raise HeliostatError(
            "NotConfigured",
            "No platform is chosen.",
            hint="`helio target set URL --ca FILE`, or start one here with `helio up`.",
        )

    def credentials(self) -> Credentials:
        """Who calls: a token or key from the environment, else the profile's sign-in."""
        from heliostat.client.credentials import Anonymous, FixedToken, ServiceAccount
        from heliostat.client.credentials import Session as SignedIn
        from heliostat.client.keyfile import read_key
        from heliostat.client.sessions import ProfileTokens

        if token := self.environ.get("HELIO_TOKEN"):
            return FixedToken(token)
        if key_file := self.environ.get("HELIO_KEY"):
            shown = self.environ.get("HELIO_CERTIFICATE")
            return ServiceAccount(read_key(Path(key_file), "", Path(shown) if shown else None))
        if not self.uses_profile:
            return Anonymous()
        profile = self.profile
        if profile.key_file:
            beside = Path(profile.certificate_file) if profile.certificate_file else None
            key = read_key(Path(profile.key_file), profile.client_id, beside)
            return ServiceAccount(key)
        if profile.access_token:
            return SignedIn(ProfileTokens(self.config_file, self.profile_name))
        return Anonymous()

    def ca_pem(self) -> str:
        """The CA to trust; empty for the system's own."""
        from heliostat.client.trust import read_pem

        if path := self.environ.get("HELIO_CA"):
            return read_pem(Path(path))
        return self.profile.ca_pem if self.uses_profile else ""

    @property
    def uses_profile(self) -> bool:
        """Whether the target in use is the profile's, so that its secrets may go there."""
        return bool(self.profile.target) and self.place().target == self.profile.target

    def close(self) -> None:
        """Close the client, if one was made."""
        made = self.__dict__.get("client")
        if made is not None:
            made.close()
