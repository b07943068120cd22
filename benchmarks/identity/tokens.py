"""``identity.tokens``: client credentials by private_key_jwt, of a whole controller.

Each request brings an assertion of its own (ES256), which is verified, recorded as used and
never accepted again; the tenant's policy and the account's groups are looked up, the sign-in
is in the audit trail on disk before the answer, and the token is signed (ES256).  Requests come
over HTTP from ``wrk`` with 32 connections.  The figure is tokens a second of the controller's
processor time, all of its threads counted.  Beside it oidc-provider, a certified server for
Node, does the same with everything in memory and no audit trail.
"""

from __future__ import annotations

import json
import shutil
import socket
import statistics
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import wrk
from benchmarks.controller_process import ControllerProcess, controller, cpu_s_of
from benchmarks.record import record
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from heliostat.identity.tokens import jose
from heliostat.identity.tokens.assertions import ASSERTION_TYPE

FLOOR, GOAL = 500, 1_500
ACCOUNT = "bench"
CLIENTS, SECONDS, ROUNDS = 32, 5, 3
ASSERTIONS = 20_000
PEER = Path(__file__).with_name("oidc_provider.mjs")
PEER_PACKAGE = "oidc-provider@9"


def measure() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    ours = _ours(key)
    peers = _peers(key)
    record(
        "identity.tokens",
        statistics.median(ours),
        "tokens/s and core",
        floor=FLOOR,
        goal=GOAL,
        better="higher",
        samples=ours,
        peer="oidc-provider" if peers else None,
        peer_value=statistics.median(peers) if peers else None,
    )


def _ours(key: ec.EllipticCurvePrivateKey) -> list[float]:
    with controller() as platform:
        platform.start()
        issuer = _furnish(platform, key)
        path = "/openidconnect/token"
        return [
            _load(platform.plain_url, path, key, issuer, "rs_heliostat at_groups", platform.cpu_s)
            for _ in range(ROUNDS)
        ]


def _furnish(platform: ControllerProcess, key: ec.EllipticCurvePrivateKey) -> str:
    """A service account in two groups; gives the issuer."""
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with platform.owner() as client:
        from heliostat.wire.groups import GroupCreateSpec

        for name in ("Robots", "Builders"):
            client.groups.create(GroupCreateSpec(name=name)).submit()
        client.service_accounts.create(ACCOUNT, public.decode(), ["Robots", "Builders"]).submit()
        told = client.system.auth()
        return f"https://{told.endpoint}:{told.port}/openidconnect/{told.domain}"


def _load(
    url: str,
    path: str,
    key: ec.EllipticCurvePrivateKey,
    audience: str,
    scope: str,
    cpu_s: Callable[[], float],
) -> float:
    """Tokens for each second of processor time."""
    bodies = [_form(key, audience, scope) for _ in range(ASSERTIONS)]
    began_s = cpu_s()
    load = wrk.post(url, path, bodies, clients=CLIENTS, seconds=SECONDS)
    spent_s = cpu_s() - began_s
    each_us = spent_s / load.requests * 1e6
    print(f"  {load.per_s:.0f} tokens/s, {each_us:.0f} us of the processor each", flush=True)
    return load.requests / spent_s


def _form(key: ec.EllipticCurvePrivateKey, audience: str, scope: str) -> str:
    now_s = int(time.time())
    claims = {
        "iss": ACCOUNT,
        "sub": ACCOUNT,
        "aud": audience,
        "iat": now_s,
        "exp": now_s + 100,
        "jti": str(uuid.uuid4()),
    }
    assertion = jose.signed(jose.segment({"alg": "ES256"}), claims, key)
    return (
        f"grant_type=client_credentials&client_id={ACCOUNT}&scope={scope.replace(' ', '+')}"
        f"&client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}"
    )


def _peers(key: ec.EllipticCurvePrivateKey) -> list[float]:
    if shutil.which("npm") is None or shutil.which("node") is None:
        print("  node and npm are not installed: nothing beside it", flush=True)
        return []
    with TemporaryDirectory(prefix="identity-peer-") as name:
        folder = Path(name)
        argv = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", PEER_PACKAGE]
        done = subprocess.run(
            argv, cwd=folder, capture_output=True, text=True, timeout=180, check=False
        )
        if done.returncode:
            print(f"  npm can't install {PEER_PACKAGE}: nothing beside it", flush=True)
            return []
        shutil.copy(PEER, folder)
        with _peer(folder, key) as (process, url):
            return [
                _load(url, "/token", key, url, "api", lambda: cpu_s_of(process.pid))
                for _ in range(ROUNDS)
            ]


@contextmanager
def _peer(
    folder: Path, key: ec.EllipticCurvePrivateKey
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    numbers = key.public_key().public_numbers()
    x, y = (jose.encoded(each.to_bytes(32, "big")).decode() for each in (numbers.x, numbers.y))
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["node", PEER.name, str(port), ACCOUNT, json.dumps(jwk)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
