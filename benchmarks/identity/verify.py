"""``identity.verify``: what checking a token adds to a request of the controller.

Every token is one that the controller has not seen yet, the dearest case: read, key looked up,
signature, claims, tenant and its policy, the session and the person that it hangs on.  Tokens
that were seen within five seconds cost next to nothing, until half a minute two look-ups.
Beside it joserfc opens the same tokens with its key at hand and checks nothing but signature
and times.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.record import record
from joserfc import jwt
from joserfc.jwk import ECKey

from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock
from heliostat.core.ids import SystemIds
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions
from heliostat.identity.site import Identity
from heliostat.identity.tokens.claims import Bearer, Occasion, access_claims, new_jti, sign
from heliostat.identity.tokens.client_authentication import ClientFields
from heliostat.identity.tokens.records import Algorithm, TokenKinds
from heliostat.identity.tokens.scopes import parse

FLOOR_MS, GOAL_MS = 2.0, 0.5
TOKENS, ROUNDS = 3_000, 3
TOGETHER = 20
"""Sessions that are written in one commit."""


def measure() -> None:
    with TemporaryDirectory(prefix="identity-bench-") as name:
        ours, peers, again = asyncio.run(_measured(Path(name)))
    print(f"  seen before: {again * 1000:.1f} us", flush=True)
    record(
        "identity.verify",
        statistics.median(ours),
        "ms (p99)",
        floor=FLOOR_MS,
        goal=GOAL_MS,
        better="lower",
        samples=ours,
        peer="joserfc alone",
        peer_value=statistics.median(peers),
    )


async def _measured(folder: Path) -> tuple[list[float], list[float], float]:
    store, ids = await SqliteStore.open(folder / "store.db", SystemClock()), SystemIds()
    identity = Identity(
        store, SystemClock(), ids, IdentityOptions(), authority_folder=folder / "ca"
    )
    await identity.start()
    await identity.directory.create_user("ada", ids.secret(16))
    key = await identity.keys.signer(Algorithm.ES256)
    public = ECKey.import_key(key.jwk.as_dict(private=False))
    ours, peers = [], []
    for _ in range(ROUNDS):
        tokens = [_token(identity, ids, key, each) for each in await _sessions(identity, store)]
        gc.collect()
        gc.freeze()  # as a controller does once it has started
        ours.append(_p99([await _timed(identity, each) for each in tokens]))
        peers.append(_p99([_opened(public, each) for each in tokens]))
    began_s = time.perf_counter()
    for each in tokens:
        await identity.verify(each)
    again_ms = (time.perf_counter() - began_s) / TOKENS * 1000
    identity.close()
    await store.close()
    return ours, peers, again_ms


async def _sessions(identity: Identity, store: SqliteStore) -> list[str]:
    """The ids of as many sessions of ada as there are tokens."""
    person = await identity.realms.system.people.person("ada")
    client = await identity.realms.system.clients.client(ClientFields(client_id="helio"))
    assert person is not None
    kind, now_ms = TokenKinds.of(SYSTEM_TENANT).sessions, SystemClock().now_ms()
    sessions = identity.realms.system.sessions
    begun = [sessions.begun(person, client, "", now_ms) for _ in range(TOKENS)]
    for at in range(0, TOKENS, TOGETHER):
        changes = [change for each in begun[at : at + TOGETHER] for change in kind.put(each)]
        await store.commit([], changes)
    return [each.id for each in begun]


def _token(identity: Identity, ids: SystemIds, key: object, session: str) -> str:
    groups = tuple(f"heliostat.local\\Group {number}" for number in range(20))
    bearer = Bearer("ada@heliostat.local", groups)
    scope = parse("openid offline_access rs_heliostat at_groups")
    occasion = Occasion(bearer, "helio", scope, int(time.time()), session)
    return sign(access_claims(occasion, identity.options, new_jti(ids)), key)  # type: ignore[arg-type]


async def _timed(identity: Identity, token: str) -> float:
    began_s = time.perf_counter()
    await identity.verify(token)
    return time.perf_counter() - began_s


def _opened(key: ECKey, token: str) -> float:
    began_s = time.perf_counter()
    jwt.JWTClaimsRegistry().validate(jwt.decode(token, key, algorithms=["ES256"]).claims)
    return time.perf_counter() - began_s


def _p99(samples_s: list[float]) -> float:
    return sorted(samples_s)[int(len(samples_s) * 0.99)] * 1000
