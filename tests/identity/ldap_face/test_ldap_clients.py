"""LDAP programs of others read the directory through a real slapd, and get no further."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import ldap
import pytest

from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.core.process import run_async
from heliostat.identity.directory.records import User
from heliostat.identity.kinds import kinds_of
from heliostat.identity.ldap_face.face import LdapFace
from heliostat.identity.ldap_face.settings import LdapSettings
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.testing.ldap_face import ADA, NAMES, SUFFIX, Served, served
from heliostat.testing.signin import OTHER_PASSWORD, PASSWORD

BOSS = f"uid=boss,ou=people,{SUFFIX}"
EVE = "uid=eve,ou=people,dc=acme,dc=example"
USERS = kinds_of(SYSTEM_TENANT).directory.users
UNITS = ["computers", "Engineering", "groups", "people", "services"]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as made:
        yield made


def named(*names: str, at: str = "") -> list[str]:
    return [f"{each},{at}{SUFFIX}" for each in names]


SEARCHES: list[tuple[list[str], list[str]]] = [
    (["-b", SUFFIX, "(uid=ada)"], [ADA]),
    (["-b", SUFFIX, "(mail=ADA@acme.example)"], [ADA]),
    (["-b", SUFFIX, "(sn=Löve)"], [ADA]),
    (["-b", SUFFIX, "(cn=*d*l*)"], [ADA]),
    (["-b", SUFFIX, "(|(uid=ada)(uid=gr*))"], [ADA, f"uid=grace,ou=R&D,ou=Engineering,{SUFFIX}"]),
    (["-b", SUFFIX, f"(memberOf=cn=Outer,ou=groups,{SUFFIX})"],
     [ADA, f"cn=Inner,ou=groups,{SUFFIX}"]),
    (["-b", SUFFIX, f"(member={ADA})"], [f"cn=Inner,ou=groups,{SUFFIX}"]),
    (["-b", SUFFIX, "(&(objectClass=posixAccount)(uidNumber>=1900000003))"],
     [BOSS, f"uid=grace,ou=R&D,ou=Engineering,{SUFFIX}"]),
    (["-b", SUFFIX, "-s", "base"], [SUFFIX]),
    (["-b", SUFFIX, "-s", "one"], named(*(f"ou={each}" for each in UNITS))),
    (["-b", ADA, "-s", "base"], [ADA]),
    (["-b", ADA, "(uid=grace)"], []),
    (["-b", ADA, "-s", "one"], []),
    (["-b", f"ou=engineering,{SUFFIX}", "-s", "base", "(objectClass=organizationalUnit)"],
     [f"ou=Engineering,{SUFFIX}"]),
    (["-b", f"ou=Engineering,{SUFFIX}", "-s", "one"], [f"ou=R&D,ou=Engineering,{SUFFIX}", ADA]),
    (["-b", f"ou=R&D,ou=Engineering,{SUFFIX}", "(uid=*)"],
     [f"uid=grace,ou=R&D,ou=Engineering,{SUFFIX}"]),
    (["-b", SUFFIX, "(nothing=x)"], []),
    (["-b", SUFFIX, "(!(nothing=x))"], []),
    (["-b", SUFFIX, "(userPassword=*)"], []),
    (["-b", SUFFIX, "-E", "pr=1/noprompt", "(objectClass=groupOfNames)"],
     named("cn=Administrators", "cn=Inner", "cn=Outer", at="ou=groups,")),
    (["-b", SUFFIX, "(cn=*)(uid=*))(|(uid=*)"], []),
]  # fmt: skip
CODES: list[tuple[str, list[str], dict[str, str], int]] = [
    ("ldapsearch", ["-b", SUFFIX], {"bind": ""}, 50),
    ("ldapsearch", ["-b", ADA], {"bind": ""}, 50),
    ("ldapsearch", ["-b", "", "-s", "base", "namingContexts"], {"bind": ""}, 0),
    ("ldapsearch", ["-b", "cn=subschema", "-s", "base", "objectClasses"], {"bind": ""}, 0),
    ("ldapsearch", ["-b", "cn=config"], {}, 32),
    ("ldapsearch", ["-b", "dc=acme,dc=example"], {}, 50),
    ("ldapsearch", ["-b", SUFFIX], {"bind": EVE}, 50),
    ("ldapsearch", ["-b", "dc=acme,dc=example"], {"bind": BOSS}, 0),
    ("ldapsearch", ["-b", f"ou=nowhere,{SUFFIX}"], {}, 32),
    ("ldapsearch", ["-b", f"uid=ada,ou=people,{SUFFIX}"], {}, 32),
    ("ldapsearch", ["-b", f"uid=ada\\00,ou=Engineering,{SUFFIX}"], {}, 32),
    ("ldapsearch", ["-b", SUFFIX, "-z", "2"], {}, 4),
    ("ldapsearch", ["-b", SUFFIX, "(!" * 60 + "(uid=a)" + ")" * 60], {}, 53),
    ("ldapsearch", ["-b", SUFFIX, "(|" + "(uid=a)" * 700 + ")"], {}, 53),
    ("ldapwhoami", [], {}, 0),
    ("ldapwhoami", ["-ZZ"], {}, 0),
    ("ldapwhoami", [], {"bind": ADA.replace("dc=heliostat", "dc=Heliostat")}, 0),
    ("ldapwhoami", [], {"password": "wrong"}, 49),
    ("ldapwhoami", [], {"password": f"{PASSWORD}\n"}, 49),
    ("ldapwhoami", [], {"bind": f"uid=ada,ou=people,{SUFFIX}"}, 49),
    ("ldapwhoami", [], {"bind": f"uid=ada,{SUFFIX}"}, 49),  # as tickets are named
    ("ldapwhoami", [], {"bind": f"uid=boss,{SUFFIX}"}, 49),
    ("ldapwhoami", [], {"bind": f"uid=nobody,ou=people,{SUFFIX}"}, 49),
    ("ldapwhoami", [], {"bind": f"cn=Inner,ou=groups,{SUFFIX}"}, 49),
    ("ldapwhoami", [], {"bind": SUFFIX}, 49),
    ("ldapwhoami", [], {"bind": "uid=*,dc=nowhere"}, 49),
    ("ldapcompare", [f"cn=Inner,ou=groups,{SUFFIX}", f"member:{ADA.lower()}"], {}, 6),
    ("ldapcompare", [ADA, "sn:lovelace"], {}, 5),
    ("ldapcompare", [ADA, "description:x"], {}, 16),
    ("ldapcompare", [ADA, f"userPassword:{PASSWORD}"], {}, 16),
    ("ldapcompare", [f"uid=ada,ou=people,{SUFFIX}", "sn:x"], {}, 32),
    ("ldapdelete", [ADA], {}, 50),
]


async def test_what_ldap_utils_find(site: Served) -> None:
    for words, expected in SEARCHES[:-1]:
        assert await site.found(*words) == expected, words
    assert await site.code("ldapsearch", *SEARCHES[-1][0]) != 0  # a filter of two halves
    everything = (await site.run("ldapsearch", "-LLL", "-b", SUFFIX, "*", "+", bind=BOSS)).stdout
    assert "assword" not in everything
    assert "argon" not in everything
    assert f"memberOf: cn=Outer,ou=groups,{SUFFIX}" in everything.replace("\n ", "")


async def test_who_is_let_through(site: Served) -> None:
    for program, words, how, expected in CODES:
        told = {**how, **({"url": site.tls_url} if program == "ldapsearch" else {})}
        assert await site.code(program, *words, **told) == expected, (program, words, how)
    bare = await asyncio.to_thread(_code_of_bind, site.url, ADA, "")
    assert bare == "UNWILLING_TO_PERFORM"


async def test_lockout_and_ends_count_over_ldap_as_everywhere(site: Served) -> None:
    directory = site.kit.identity.directory
    for _ in range(5):
        assert await site.code("ldapwhoami", password="wrong") == 49
    assert await site.code("ldapwhoami") == 49
    with pytest.raises(HeliostatError, match="locked"):
        await directory.authenticate("ada", PASSWORD)
    await directory.unlock_user("ada")
    assert await site.code("ldapwhoami") == 0
    connection = await asyncio.to_thread(_bound, site.url, ADA)
    assert await asyncio.to_thread(_names, connection) == ["ada"]
    await directory.set_disabled("ada", True)
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        await asyncio.to_thread(_names, connection)
    await directory.set_disabled("ada", False)
    await directory.set_password("ada", OTHER_PASSWORD, must_change=True)
    assert await site.code("ldapwhoami", password=OTHER_PASSWORD) == 49
    await asyncio.to_thread(connection.unbind_s)


BY_LDAP3 = """
import ssl, sys, ldap3
url, ca, suffix, dn, password = sys.argv[1:]
tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca)
server = ldap3.Server(url, get_info=ldap3.ALL, tls=tls)
with ldap3.Connection(server, dn, password, auto_bind=True) as connection:
    assert suffix in server.info.naming_contexts
    assert "posixAccount" in server.schema.object_classes
    paged = connection.extend.standard.paged_search(
        suffix, "(objectClass=person)", attributes=["uid", "memberOf"], paged_size=2)
    print(*(each["attributes"]["uid"][0] for each in paged))
"""
"""In a process of its own: the library warns of its own past when it is loaded."""


async def test_other_libraries_read_it(site: Served) -> None:
    words = (site.tls_url, str(site.ca), SUFFIX, ADA, PASSWORD)
    told = await run_async([sys.executable, "-W", "ignore", "-c", BY_LDAP3, *words], timeout_s=30)
    assert sorted(told.stdout.split()) == ["ada", "administrator", "boss", "grace"]

    def by_python_ldap() -> Any:
        connection = _bound(site.url, ADA)
        control = ldap.controls.SimplePagedResultsControl(True, size=2, cookie="")
        asked = connection.search_ext(SUFFIX, ldap.SCOPE_SUBTREE, "(uid=*)", serverctrls=[control])
        _, entries, _, _ = connection.result3(asked)
        names = connection.search_s(ADA, ldap.SCOPE_BASE, attrlist=["sn", "userPassword"])
        connection.unbind_s()
        return len(entries), names

    assert await asyncio.to_thread(by_python_ldap) == (4, [(ADA, {"sn": ["Löve".encode()]})])


PAGING = """
import sys, ldap3
url, suffix, dn, password = sys.argv[1:]
with ldap3.Connection(ldap3.Server(url), dn, password, auto_bind=True) as connection:
    for critical in (False, True):
        found = connection.extend.standard.paged_search(
            suffix, "(uid=crowd*)", attributes=["uid"], paged_size=100, paged_criticality=critical)
        names = [each["attributes"]["uid"][0] for each in found]
        print(len(names), len(set(names)))
"""


def crowd(number: int) -> User:
    return User(name=f"crowd{number:03}", stamp="s", password_hash="", created_ms=1)


async def test_who_asks_for_pages_gets_everybody_once(site: Served) -> None:
    """There is no cookie (the design note says why): all are on one page, and clients stop."""
    for batch in range(5):
        puts = [
            change
            for number in range(batch * 50, batch * 50 + 50)
            for change in USERS.put(crowd(number))
        ]
        for start in range(0, len(puts), 90):
            await site.kit.store.commit([], puts[start : start + 90])
    for paging in ("pr=100/noprompt", "!pr=100/noprompt", "pr=1/noprompt"):
        found = await site.found("-E", paging, "-b", SUFFIX, "(uid=crowd*)", "1.1")
        assert len(found) == len(set(found)) == 250
    words = (site.url, SUFFIX, ADA, PASSWORD)
    told = await run_async([sys.executable, "-W", "ignore", "-c", PAGING, *words], timeout_s=30)
    assert told.stdout.split() == ["250"] * 4


async def test_tenants_come_and_go_and_a_server_that_ends_begins_again(
    site: Served, tmp_path: Path
) -> None:
    settings = LdapSettings(port=int(site.url.rpartition(":")[2]))
    await site.face.close()
    face = LdapFace(
        site.kit.identity, tmp_path / "ldap", settings, NAMES, SystemClock(), look_every_s=0.05
    )
    await face.open()
    running = asyncio.create_task(face.run())
    try:
        await site.kit.identity.tenants.create_tenant("new.example")
        new = await site.kit.identity.directories.of("new.example")
        await new.create_user("neo", PASSWORD)
        neo = "uid=neo,ou=people,dc=new,dc=example"
        await _until(lambda: site.code("ldapwhoami", bind=neo))
        first = face.pid
        os.kill(first, 9)
        await _until(lambda: site.code("ldapwhoami"))
        assert face.pid != first
    finally:
        running.cancel()
        await face.close()
    assert face.pid == 0
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


async def test_clients_that_dawdle_and_shout_keep_nobody_waiting(site: Served) -> None:
    host, port = "127.0.0.1", int(site.url.rpartition(":")[2])
    idle = [socket.create_connection((host, port)) for _ in range(60)]
    half = bytes.fromhex("30820fff0201")  # the beginning of a long message
    for each in idle[:30]:
        each.sendall(half)
    loud = socket.create_connection((host, port))
    loud.sendall(bytes.fromhex("3084007fffff020101") + b"x" * 200)
    assert await site.found("-b", SUFFIX, "(uid=ada)") == [ADA]
    assert await asyncio.to_thread(loud.recv, 10) == b""  # too large: cut off
    opening = [asyncio.open_unix_connection(str(site.face.socket)) for _ in range(20)]
    dawdling = await asyncio.gather(*opening)
    for _, writer in dawdling:
        writer.write(b"SEARCH\nmsgid: 1\nbinddn: ")
    assert await site.found("-b", SUFFIX, "(uid=ada)") == [ADA]
    _, huge = await asyncio.open_unix_connection(str(site.face.socket))
    huge.write(b"SEARCH\nmsgid: 1\nbinddn: \nfilter: (cn=" + b"x" * (2 << 20))
    with pytest.raises(ConnectionError):
        await huge.drain()
    for each in (*idle, loud):
        each.close()
    for writer in (huge, *(writer for _, writer in dawdling)):
        writer.close()


async def test_anonymous_readers_where_a_setting_lets_them(tmp_path: Path) -> None:
    async with served(tmp_path, anonymous=True) as site:
        assert await site.found("-b", SUFFIX, "(uid=ada)", bind="") == [ADA]
        assert await site.code("ldapdelete", ADA, bind="") == 8


async def _until(code: Callable[[], Awaitable[int]]) -> None:
    """Ask until the answer is 0; bounded by what a start may take."""
    async with asyncio.timeout(30):
        while await code() != 0:  # noqa: ASYNC110 - another process has no event of ours
            await asyncio.sleep(0.05)


def _bound(url: str, dn: str) -> Any:
    connection = ldap.initialize(url)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 5)
    connection.set_option(ldap.OPT_TIMEOUT, 5)
    connection.simple_bind_s(dn, PASSWORD)
    return connection


def _code_of_bind(url: str, dn: str, password: str) -> str:
    try:
        ldap.initialize(url).simple_bind_s(dn, password)
    except ldap.LDAPError as error:
        return type(error).__name__
    return ""


def _names(connection: Any) -> list[str]:
    found = connection.search_s(ADA, ldap.SCOPE_BASE, attrlist=["uid"])
    return [entry["uid"][0].decode() for _, entry in found]


KILLED = """
import asyncio, sys
from pathlib import Path
from heliostat.testing.ldap_face import served

async def main():
    async with served(Path(sys.argv[1])) as site:
        print(site.face.pid, site.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_controller_that_is_killed_lets_nobody_in_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    controller = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert controller.stdout is not None
    pid, url = (await controller.stdout.readline()).decode().split()
    binds = [asyncio.to_thread(_code_of_bind, url, ADA, "wrong") for _ in range(12)]
    waiting = [asyncio.create_task(each) for each in binds]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    controller.kill()
    await controller.wait()
    refusals = {"INVALID_CREDENTIALS", "SERVER_DOWN", "UNAVAILABLE", "OTHER"}
    assert set(await asyncio.gather(*waiting)) <= refusals
    async with asyncio.timeout(10):
        while _runs(int(pid)):  # noqa: ASYNC110 - another process has no event of ours
            await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    """Whether a process still works; who waits for its parent to look does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
