"""Directories and providers elsewhere: asked, as when somebody signs in.

Reads only.  Several are asked at once, each for a bounded time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from heliostat.core.errors import HeliostatError
from heliostat.identity.checkup.finding import Area, Finding
from heliostat.identity.realm import Realm

AT_ONCE = 8
TIMEOUT_S = 20.0
"""Of one source or provider; each step of trying it has an earlier one of its own."""


class Step(Protocol):
    """A step of trying: whether it went well, and a sentence."""

    @property
    def well(self) -> bool: ...
    @property
    def sentence(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Trial:
    """Something elsewhere, and how it is tried."""

    what: str
    area: Area
    hint: str
    steps: Callable[[], Awaitable[Sequence[Step]]]


async def unreachable(realm: Realm) -> list[Finding]:
    """What a tenant's people can't sign in with now."""
    limit = asyncio.Semaphore(AT_ONCE)
    trials = [*await _sources(realm), *await _providers(realm)]
    found = await asyncio.gather(*(_failing(each, limit) for each in trials))
    return [finding for finding in found if finding is not None]


async def _sources(realm: Realm) -> list[Trial]:
    domain = realm.options.domain
    return [
        Trial(
            f"The identity source {each.name} of {domain}",
            Area.DIRECTORY,
            f"See all steps: `helio identity source probe {each.name} --domain {domain}`.",
            partial(realm.sources.probe_source, each.name, {}),
        )
        for each in await realm.sources.list_sources()
    ]


async def _providers(realm: Realm) -> list[Trial]:
    domain, providers = realm.options.domain, realm.administered_providers
    return [
        Trial(
            f"The identity provider {each.name} of {domain}",
            Area.SIGN_IN,
            f"See all steps: `helio identity provider probe {each.name} --domain {domain}`.",
            partial(providers.probe_provider, each.name),
        )
        for each in await providers.list_providers()
        if not each.provider.disabled
    ]


async def _failing(trial: Trial, limit: asyncio.Semaphore) -> Finding | None:
    """The first step that went wrong."""
    async with limit:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                steps = await trial.steps()
            told = next((each.sentence for each in steps if not each.well), "")
        except TimeoutError:
            told = f"it did not answer within {TIMEOUT_S:g} s."
        except HeliostatError as error:
            told = error.message
    if not told:
        return None
    return Finding(trial.area, f"{trial.what} does not work: {told}", trial.hint)
