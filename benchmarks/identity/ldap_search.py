"""``identity.ldap_search``: one person by name through the LDAP face, slapd's own mdb beside it.

Both hold the same 10,000 people and are asked in turn over loopback, on connections that are
bound, for all attributes of somebody new each time; a figure is the median of all questions.
The face runs as it does in the controller: in a process of its own, on the controller's loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.identity.company import PASSWORD, USERS, fill, name_of
from benchmarks.record import record

from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock
from heliostat.core.ids import SystemIds
from heliostat.core.process import run_async
from heliostat.identity.ldap_face.face import LdapFace
from heliostat.identity.ldap_face.settings import LdapSettings
from heliostat.identity.openldap.config import MODULES
from heliostat.identity.openldap.ldif import Entry, written
from heliostat.identity.openldap.library import ldap_library
from heliostat.identity.openldap.schema import POSIX
from heliostat.identity.openldap.slapd import Folder, prepare, program, start
from heliostat.identity.options import IdentityOptions
from heliostat.identity.site import Identity
from heliostat.server import event_loop
from heliostat.testing.slapds import free_port

FLOOR_MS, GOAL_MS = 1.0, 0.6
ROUNDS, QUESTIONS = 5, 400
SUFFIX = "dc=heliostat,dc=local"
PEOPLE = f"ou=people,{SUFFIX}"


def measure() -> None:
    with TemporaryDirectory(prefix="identity-ldap-") as name:
        folder = Path(name)
        with _served("face", folder) as face, _served("mdb", folder) as mdb:
            ours, peers = [], []
            for number in range(ROUNDS + 1):
                face_s, mdb_s = _asked(face, number), _asked(mdb, number)
                if number:  # the first round warms both
                    ours += face_s
                    peers += mdb_s
    record(
        "identity.ldap_search",
        statistics.median(ours),
        "ms",
        floor=FLOOR_MS,
        goal=GOAL_MS,
        better="lower",
        samples=ours,
        peer="slapd mdb",
        peer_value=statistics.median(peers),
    )


def _asked(port: int, round_: int) -> list[float]:
    """Milliseconds of each question."""
    ldap = ldap_library()
    connection: Any = ldap.initialize(f"ldap://127.0.0.1:{port}")
    connection.simple_bind_s(f"uid={name_of(0)},{PEOPLE}", PASSWORD)
    samples = []
    for number in range(QUESTIONS):
        wanted = name_of((round_ * QUESTIONS + number) * 7 % USERS)
        began = time.perf_counter()
        found = connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, f"(uid={wanted})")
        samples.append((time.perf_counter() - began) * 1000)
        assert len(found) == 1
    connection.unbind_s()
    return samples


@contextmanager
def _served(what: str, folder: Path) -> Iterator[int]:
    """The port of a server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.identity.ldap_search", what, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdin is not None
        try:
            line = run.stdout.readline()
            if not line:
                raise RuntimeError(f"{what} does not start")
            yield int(json.loads(line)["port"])
        finally:
            run.stdin.close()  # its end is asked for so
            run.wait(30)


async def _serve_face(folder: Path) -> None:
    clock, port = SystemClock(), free_port()
    store = await SqliteStore.open(folder / "store.db", clock)
    await fill(store)
    identity = Identity(
        store, clock, SystemIds(), IdentityOptions(), authority_folder=folder / "authority"
    )
    await identity.start()
    settings = LdapSettings(port=port)
    face = LdapFace(identity, folder / "face", settings, ["127.0.0.1"], clock)
    await face.open()
    await _told(port)
    await face.close()
    identity.close()
    await store.close()


async def _serve_mdb(folder: Path) -> None:
    home, port = Folder(folder / "mdb"), free_port()
    await prepare(home, list(_mdb_config(home)))
    data = folder / "people.ldif"
    data.write_text(written(_mdb_entries()))
    words = ["-q", "-n", "1", "-F", str(home.config), "-l", str(data)]
    await run_async([program("slapadd"), *words], timeout_s=120)
    server = await start(home, [f"ldap://127.0.0.1:{port}"])
    await _told(port)
    await server.stop()


async def _told(port: int) -> None:
    """Say where, and serve until the other side hangs up."""
    print(json.dumps({"port": port}), flush=True)
    await asyncio.to_thread(sys.stdin.read)


def _mdb_config(home: Folder) -> Iterator[Entry]:
    user, group = os.getuid(), os.getgid()
    yield Entry("cn=config", {"objectClass": ["olcGlobal"], "cn": ["config"]})
    modules = {"cn": ["module"], "olcModulePath": [str(MODULES)], "olcModuleLoad": ["back_mdb"]}
    yield Entry("cn=module,cn=config", {"objectClass": ["olcModuleList"], **modules})
    yield Entry("cn=schema,cn=config", {"objectClass": ["olcSchemaConfig"], "cn": ["schema"]})
    yield POSIX
    owner = f"gidNumber={group}+uidNumber={user},cn=peercred,cn=external,cn=auth"
    yield Entry(
        "olcDatabase={1}mdb,cn=config",
        {
            "objectClass": ["olcDatabaseConfig", "olcMdbConfig"],
            "olcDatabase": ["{1}mdb"],
            "olcDbDirectory": [str(home.path / "data")],
            "olcSuffix": [SUFFIX],
            "olcDbMaxSize": [str(1 << 30)],
            "olcDbIndex": ["objectClass eq", "uid,mail,uidNumber eq"],
            "olcAccess": [f'{{0}}to * by dn.exact="{owner}" manage by anonymous auth by * read'],
        },
    )


def _mdb_entries() -> Iterator[Entry]:
    yield Entry(SUFFIX, {"objectClass": ["domain"], "dc": ["heliostat"]})
    yield Entry(PEOPLE, {"objectClass": ["organizationalUnit"], "ou": ["people"]})
    for number in range(USERS):
        name = name_of(number)
        yield Entry(
            f"uid={name},{PEOPLE}",
            {
                "objectClass": ["inetOrgPerson", "posixAccount"],
                "uid": [name],
                "cn": [f"Given{number % 500} Family{number}"],
                "sn": [f"Family{number}"],
                "givenName": [f"Given{number % 500}"],
                "displayName": [f"Given{number % 500} Family{number}"],
                "mail": [f"{name}@acme.example"],
                "uidNumber": [str(number)],
                "gidNumber": [str(number)],
                "homeDirectory": [f"/home/{name}"],
                "loginShell": ["/bin/bash"],
                "userPassword": [PASSWORD],
            },
        )


if __name__ == "__main__":
    serve = _serve_face if sys.argv[1] == "face" else _serve_mdb
    event_loop.run(serve(Path(sys.argv[2])))
