"""Tokens of a profile, kept in the user's configuration file."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager

from heliostat.client.config import ConfigFile, Profile
from heliostat.client.credentials import Tokens


class ProfileTokens:
    """The token store of one profile."""

    def __init__(self, file: ConfigFile, profile: str) -> None:
        self._file = file
        self._profile = profile

    def load(self) -> Tokens | None:
        profile = self._file.read().get(self._profile)
        if not profile.access_token:
            return None
        return Tokens(profile.access_token, profile.refresh_token, profile.expires_at_s)

    def save(self, tokens: Tokens) -> None:
        """Call it inside ``exclusive``, as a session does."""
        config = self._file.read()
        profile = with_tokens(config.get(self._profile), tokens)
        self._file.write(config.replace(self._profile, profile))

    def exclusive(self) -> AbstractContextManager[None]:
        return self._file.exclusive()


def with_tokens(profile: Profile, tokens: Tokens) -> Profile:
    """The profile with these tokens in place of its own."""
    return dataclasses.replace(
        profile,
        access_token=tokens.access,
        refresh_token=tokens.refresh,
        expires_at_s=tokens.expires_at_s,
    )
