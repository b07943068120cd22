"""One server's life, and what its configuration promises to other LDAP programs."""

from __future__ import annotations

import os
from pathlib import Path

import ldap
import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.identity.openldap import slapd
from heliostat.identity.openldap.names import base_of, escaped, rdn, suffix_of
from heliostat.identity.openldap.node import Node
from heliostat.testing.slapds import add, free_port, slapds


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("alice", "uid=alice"),
        ("a,ou=groups", "uid=a\\,ou=groups"),
        ('"+\\<>;=', 'uid=\\"\\+\\\\\\<\\>\\;='),
        (" a ", "uid=\\ a\\ "),
        ("#a", "uid=\\#a"),
        (" ", "uid=\\ "),
        ("a\x00b\nc", "uid=a\\00b\\0ac"),
    ],
)
def test_no_value_ends_its_part_of_a_name(value: str, written: str) -> None:
    assert rdn("uid", value) == written
    assert ldap.dn.str2dn(written + ",ou=people")[0][0][:2] == ("uid", value)


def test_no_value_ends_its_part_of_a_filter() -> None:
    assert escaped("*)(uid=*\\\x00") == "\\2a\\29\\28uid=\\2a\\5c\\00"


def test_tenants_are_below_the_site() -> None:
    suffix = suffix_of("Heliostat.Local")
    assert suffix == "dc=heliostat,dc=local"
    assert base_of(suffix, "acme.example", system=False) == (
        "o=acme.example,ou=tenants,dc=heliostat,dc=local"
    )
    assert base_of(suffix, "x", system=True) == suffix


async def test_a_server_lives_and_tells_only_what_it_may(tmp_path: Path) -> None:
    async with slapds(tmp_path) as site:
        node = Node(name="a", number=1, host="127.0.0.1", port=free_port())
        server = await site.start(await site.config(node))
        controller = site.connect("a")
        people = f"ou=people,{site.suffix}"
        add(controller, site.suffix, objectClass=["domain"], dc=["lab"])
        add(controller, people, objectClass=["organizationalUnit"], ou=["people"])
        for name in ("alice", "bob"):
            add(
                controller,
                f"uid={name},{people}",
                objectClass=["inetOrgPerson", "heliostatEntry"],
                **{each: [name] for each in ("uid", "cn", "sn", "heliostatRecord")},
                userPassword=["correct horse battery"],
            )
        env = {**os.environ, "LDAPTLS_CACERT": str(site.ca)}
        alice = ["-D", f"uid=alice,{people}", "-w", "correct horse battery"]

        def search(*argv: str) -> str:
            command = ["ldapsearch", "-x", "-LLL", "-H", node.url, *argv]
            return run(command, timeout_s=20, env=env).stdout

        base = ["-b", site.suffix, "(uid=bob)"]
        # over TLS that OpenLDAP's own client checks; strangers see nothing, nobody sees a hash
        assert "dn:" not in _or_empty(search, *base)
        seen = search(*alice, *base)
        assert "uid: bob" in seen
        assert "userPassword" not in seen
        assert "heliostatRecord" not in seen
        with pytest.raises(CommandFailed):
            search("-D", f"uid=alice,{people}", "-w", "wrong", *base)
        # nor does a connection come about that is not as safe as today's
        hello = ["openssl", "s_client", "-cipher", "ALL:@SECLEVEL=0", "-connect", node.url[8:]]
        run([*hello, "-tls1_2"], timeout_s=20)
        for old in ("-tls1", "-tls1_1"):
            with pytest.raises(CommandFailed):
                run([*hello, old], timeout_s=20)
        # an injected filter is a name that nobody has
        assert not controller.search_s(people, ldap.SCOPE_SUBTREE, f"(uid={escaped('*')})")
        # disabled: the right password no longer opens anything
        controller.modify_s(f"uid=alice,{people}", [(ldap.MOD_ADD, "heliostatDisabled", [b"TRUE"])])
        with pytest.raises(CommandFailed):
            search(*alice, *base)
        pid = server.pid
        await server.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        again = await site.start(await site.config(node))
        assert site.connect("a").search_s(people, ldap.SCOPE_SUBTREE, "(uid=bob)")
        await again.stop()


def _or_empty(search: object, *argv: str) -> str:
    try:
        return str(search(*argv))  # type: ignore[operator]
    except CommandFailed as error:
        return error.stdout


async def test_a_machine_without_slapd_is_told_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slapd, "_PATH", str(tmp_path))
    with pytest.raises(HeliostatError) as caught:
        await slapd.start(slapd.Folder(tmp_path))
    assert caught.value.code == "NotInstalled"
    assert "slapd" in caught.value.hint
