"""A machine joins a served site, stays a member, and leaves: with every step cut off once."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.join_token import decode_machine, encode
from heliostat.core.process import run
from heliostat.member import openssl
from heliostat.member.contents import CERTIFICATE_FILE, KEY_FILE
from heliostat.member.entries import Entries
from heliostat.member.joining import membership, upkeep
from heliostat.member.joining.commands import join as join_command
from heliostat.member.joining.controller import Controller
from heliostat.member.joining.join import Member, Wishes
from heliostat.member.joining.journal import Journal
from heliostat.member.joining.log_in import ENTRY
from heliostat.member.joining.rewriting import BESIDE
from heliostat.member.joining.workloads import keep_certificate, token_for
from heliostat.member.places import VARIABLE, Machine
from heliostat.member.stores import MACHINE, ROOTS, Stores
from heliostat.testing.furniture import DIRECTORY_TENANT
from heliostat.testing.site import Site, furnished_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with furnished_site(tmp_path / "site", tls=True, clock=SystemClock()) as served:
        yield served


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


class Programs:
    """Stands where the machine's programs run: this site offers no LDAP, so no others should."""

    def __call__(self, argv: Sequence[str]) -> str:
        assert argv[0] == "systemctl", argv
        return ""


def _member(machine: Machine) -> Member:
    return Member(machine, Programs())


async def _token(site: Site, name: str = "web-9") -> str:
    machines = await site.directories.machines(DIRECTORY_TENANT)
    return (await machines.invite(name)).token


async def _join(machine: Machine, token: str) -> None:
    await asyncio.to_thread(_member(machine).join, token, Wishes())


async def test_a_machine_joins_and_leaves(site: Site, machine: Machine) -> None:
    await _join(machine, await _token(site))
    found = membership.required(machine)
    assert (found.computer, found.domain, found.joined) == ("web-9", DIRECTORY_TENANT, True)
    entry = Stores(machine).entries(MACHINE).get(ENTRY)
    assert entry.has_key
    chain = entry.folder / CERTIFICATE_FILE
    argv = ["openssl", "verify", "-CAfile", str(machine.roots_bundle), "-untrusted", str(chain)]
    assert run([*argv, str(chain)], timeout_s=20).stdout.endswith("OK\n")
    assert not machine.key_under_way.exists()
    assert await asyncio.to_thread(_member(machine).leave) == []
    assert membership.read(machine) is None
    assert Stores(machine).entries(MACHINE).list() == []
    assert machine.roots_bundle.read_bytes() == b""


async def test_a_member_is_told_what_to_trust_and_renews_itself(
    site: Site, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _join(machine, await _token(site))
    entries = Stores(machine).entries(MACHINE)
    first = entries.get(ENTRY).certificate
    own = openssl.certificate_of(machine.roots_bundle.read_bytes())
    Stores(machine).entries(ROOTS).put("mine", entries.content(ENTRY, CERTIFICATE_FILE))
    await asyncio.to_thread(_member(machine).refresh)
    assert entries.get(ENTRY).certificate == first, "two thirds of its life are left"
    trusted = {each.name for each in Stores(machine).entries(ROOTS).list()}
    assert "mine" in trusted, "what an administrator trusts stays"
    monkeypatch.setattr("heliostat.member.joining.workloads.RENEW_BELOW", 1.1)
    await asyncio.to_thread(_member(machine).refresh)
    renewed = entries.get(ENTRY).certificate
    assert renewed is not None
    assert first is not None
    assert renewed.serial != first.serial
    await asyncio.to_thread(_member(machine).refresh)  # and proves itself by the new one
    assert openssl.certificate_of(machine.roots_bundle.read_bytes()) in (own, renewed, first)


EFFECTS: list[tuple[type, str]] = [
    (Controller, "join"),
    (Entries, "put"),
    (Entries, "list"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), EFFECTS, ids=[name for _, name in EFFECTS])
async def test_killed_at_a_step_it_goes_on_with_the_same_token(
    site: Site,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    after: bool,
) -> None:
    token = await _token(site)
    real: Callable[..., object] = getattr(owner, name)

    def dies(*arguments: object, **named: object) -> object:
        if after:
            real(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, dies)
        with pytest.raises(KeyboardInterrupt):
            raise await asyncio.to_thread(_dying, machine, token)
    await _join(machine, token)
    assert membership.required(machine).joined
    keys = Stores(machine).entries(MACHINE)
    assert openssl.belong_together(
        keys.content(ENTRY, CERTIFICATE_FILE), keys.content(ENTRY, KEY_FILE)
    )


def _dying(machine: Machine, token: str) -> BaseException:
    """What ended it: an interrupt must not cross a thread by itself."""
    try:
        _member(machine).join(token, Wishes())
    except KeyboardInterrupt as error:
        return error
    raise AssertionError("it was not cut off")


async def test_a_machine_believes_its_token_alone(site: Site, machine: Machine) -> None:
    """The secret goes to nobody whom the token doesn't name."""
    token = decode_machine(await _token(site))
    other = machine.root.parent / "other"
    other.mkdir()
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    run(
        [*argv, "-nodes", "-subj", "/CN=x", "-keyout", str(other / "k"), "-out", str(other / "c")],
        timeout_s=20,
    )
    stranger = (other / "c").read_text()
    fingerprint = openssl.certificate_of(stranger.encode()).fingerprint
    lied = encode(replace(token, ca=stranger, fingerprint=fingerprint))
    with pytest.raises(HeliostatError, match="CertificateInvalid"):
        await _join(machine, lied)
    assert membership.read(machine) is None


async def test_what_can_not_be_joined_is_told(site: Site, machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    gone = decode_machine(await _token(site))
    nobody = encode(replace(gone, url=f"https://127.0.0.1:{port}"))
    for code, text in (
        ("InvalidToken", "hjt1.abc"),
        ("InvalidToken", "hmt1.abc"),
        ("InvalidToken", encode(replace(gone, secret="guessed"))),
        ("Unreachable", nobody),
        ("StateError", ""),
    ):
        with pytest.raises(HeliostatError) as refused:
            await _join(machine, text)
        assert refused.value.code == code
    await _join(machine, await _token(site))
    with pytest.raises(HeliostatError, match="StateError"):
        await _join(machine, await _token(site, "web-10"))


async def test_a_plan_names_the_computer_and_changes_nothing(
    site: Site, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(machine.root))
    machine.root.joinpath("etc").mkdir(parents=True)
    shutil.copy("/etc/os-release", machine.root / "etc/os-release")
    before = sorted(machine.root.rglob("*"))
    token = await _token(site)
    told = CliRunner().invoke(join_command, [token, "--plan"])
    assert "This machine would become web-9 of acme.example." in told.output
    assert CliRunner().invoke(join_command, ["-", "--plan"], f"{token}\n").output == told.output
    assert "write /etc/sssd/sssd.conf" in told.output
    assert sorted(machine.root.rglob("*")) == before


async def test_newer_settings_reach_a_member_or_leave_it_as_it_was(
    site: Site, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version to come writes another timer; the one of now is known by its journal."""
    await _join(machine, await _token(site))
    timer = machine.root / f"etc/systemd/system/{upkeep.UNIT}.timer"
    before = timer.read_text()
    ran: list[Sequence[str]] = []
    told: list[str] = []

    def notes(argv: Sequence[str]) -> str:
        ran.append(argv)
        return ""

    def fails(argv: Sequence[str]) -> str:
        raise PermanentError("CommandFailed", f"{argv[0]} exited with 1.")

    await asyncio.to_thread(Member(machine, notes, told.append).refresh)
    assert (ran, told) == ([], []), "nothing is newer"
    monkeypatch.setattr(upkeep, "_TIMER", before.replace("1h", "2h"))
    with pytest.raises(HeliostatError, match="MembershipUnchanged"):
        await asyncio.to_thread(Member(machine, fails).refresh)
    assert timer.read_text() == before
    await asyncio.to_thread(Member(machine, notes, told.append).refresh)
    assert "OnUnitActiveSec=2h" in timer.read_text()
    assert [argv[1] for argv in ran] == ["daemon-reload", "enable"]
    assert len(told) == 1
    timer.write_text(before.replace("1h", "3h"))
    monkeypatch.setattr(upkeep, "_TIMER", before)
    for _ in range(2):
        await asyncio.to_thread(Member(machine, notes, told.append).refresh)
    assert "OnUnitActiveSec=3h" in timer.read_text(), "an administrator's"
    assert len(told) == 2
    assert timer.with_name(timer.name + BESIDE).read_text() == before


async def test_a_member_of_an_earlier_version_is_brought_up_to_date(
    site: Site, machine: Machine
) -> None:
    """Its files say nothing of what is known now."""
    await _join(machine, await _token(site))
    known = json.loads(machine.membership.read_bytes())
    for name in ("keytab", "key", "elsewhere", "leaving", "account_ended", "written"):
        del known[name]
    machine.membership.write_text(json.dumps(known))
    steps = json.loads(machine.changes.read_bytes())
    for step in steps:
        step.pop("was", None)
    machine.changes.write_text(json.dumps(steps))
    assert not membership.required(machine).written
    await asyncio.to_thread(_member(machine).refresh)
    assert membership.required(machine).written
    assert await asyncio.to_thread(_member(machine).leave) == []


async def test_programs_of_a_member_have_tokens_and_certificates(
    site: Site, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _join(machine, await _token(site))
    found = await asyncio.to_thread(token_for, machine, "ci", ["https://vault.example"])
    assert found.spiffe_id == f"spiffe://{DIRECTORY_TENANT}/machine/web-9/ci"
    assert found.token.count(".") == 2
    with pytest.raises(HeliostatError, match="CertificateStoreNotFound"):
        await asyncio.to_thread(keep_certificate, machine, "web", "svc")
    Stores(machine).create("svc")
    spiffe_id, kept = await asyncio.to_thread(keep_certificate, machine, "web", "svc")
    assert kept.certificate is not None
    assert kept.certificate.names == (f"URI:{spiffe_id}",)
    await asyncio.to_thread(_member(machine).refresh)
    assert Stores(machine).entries("svc").get("web").certificate == kept.certificate
    monkeypatch.setattr("heliostat.member.joining.workloads.RENEW_BELOW", 1.1)
    await asyncio.to_thread(_member(machine).refresh)
    renewed = Stores(machine).entries("svc").get("web").certificate
    assert renewed is not None
    assert renewed.serial != kept.certificate.serial
    await _join(machine, await _token(site))
    assert membership.required(machine).workloads == (("web", "svc"),), "joined again or not"
    Stores(machine).delete("svc")
    told: list[str] = []
    await asyncio.to_thread(Member(machine, Programs(), told.append).refresh)
    assert told == ["not renewed: web in svc: There is no store svc."]


async def test_the_timer_and_people_take_turns(
    site: Site, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reads what is there, changes it and writes all of it."""
    await _join(machine, await _token(site))
    Stores(machine).create("svc")
    alone: list[bool] = []

    def noting(real: Callable[..., object]) -> Callable[..., object]:
        def called(*arguments: object) -> object:
            with machine.membership_lock.open() as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    alone.append(False)
                except BlockingIOError:
                    alone.append(True)
            return real(*arguments)

        return called

    for owner, name in ((Controller, "_post"), (Journal, "undo")):
        monkeypatch.setattr(owner, name, noting(getattr(owner, name)))
    await asyncio.to_thread(_member(machine).refresh)
    await asyncio.to_thread(keep_certificate, machine, "web", "svc")
    await _join(machine, await _token(site))
    await asyncio.to_thread(_member(machine).leave)
    assert alone == [True] * 4
