"""Who may sign: nothing that the wrong key signed, or nobody, reaches rpm's database."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.packages import signer_of_tests
from heliostat.testing.tdnf_system import Ran, TdnfSystem
from heliostat.testing.web import served

OTHERS = "others"


@pytest.fixture
def base(tmp_path: Path) -> PackageSet:
    made = PackageSet(tmp_path / "base")
    made.add(package("app"), package("second"))
    made.add(package("bare"), signed=False)
    made.add(package("foreign"), signer=signer_of_tests(OTHERS))
    made.publish()
    return made


@pytest.fixture
def system(tmp_path: Path, base: PackageSet) -> TdnfSystem:
    made = TdnfSystem(tmp_path / "system")
    made.enable(base)
    return made


def refused(system: TdnfSystem, ran: Ran) -> int:
    """The number of the refusal, after which the database is as before."""
    assert system.installed() == []
    assert not (system.root / "usr/share").exists()
    return ran.error


def test_an_unsigned_package_is_refused_by_name(system: TdnfSystem) -> None:
    ran = system.run("-y", "install", "bare")
    assert refused(system, ran) == 1510
    assert "bare-1-1.noarch is not signed" in ran.stderr


def test_another_repositorys_key_does_not_count(
    tmp_path: Path, system: TdnfSystem, base: PackageSet
) -> None:
    assert refused(system, system.run("-y", "install", "foreign")) == 1514
    key = tmp_path / "foreign.asc"
    key.write_bytes(signer_of_tests(OTHERS).public_text)
    system.rpm("--import", str(key))
    assert refused(system, system.run("-y", "install", "foreign")) == 1514
    system.enable(base, gpgkey=f"{base.key.as_uri()} {key.as_uri()}")
    system.done("install", "foreign", "app")
    assert system.installed() == ["app-1-1.noarch", "foreign-1-1.noarch"]


def test_a_key_is_taken_in_once_and_only_with_consent(system: TdnfSystem) -> None:
    ran = system.run("install", "app", answer="y\nn\n")
    assert refused(system, ran) == 1032
    ran = system.run("install", "app", answer="y\ny\n")
    assert ran.stdout.count("importing key") == 1, ran.stdout + ran.stderr
    assert system.rpm("-q", "gpg-pubkey").stdout.count("gpg-pubkey-") == 1
    assert "importing key" not in system.done("install", "second").stdout


def test_keys_of_the_database_count_where_a_repository_names_none(
    system: TdnfSystem, base: PackageSet
) -> None:
    system.enable(base, gpgkey="")
    assert refused(system, system.run("-y", "install", "app")) == 1523
    system.rpm("--import", str(base.key))
    system.done("install", "app")


@pytest.mark.parametrize(
    ("gpgkey", "number"),
    [
        ("keys/ours.asc", 1507),
        ("gopher://example.invalid/key", 1508),
        ("file:///nowhere/key.asc", 1602),
        ("{base}/repodata/repomd.xml", 1505),
    ],
)
def test_a_key_that_is_none_is_told(
    system: TdnfSystem, base: PackageSet, gpgkey: str, number: int
) -> None:
    system.enable(base, gpgkey=gpgkey.format(base=base.url))
    assert refused(system, system.run("-y", "install", "app")) == number


@pytest.mark.parametrize("option", ["--nogpgcheck", "--skipsignature"])
def test_who_says_so_gets_unsigned_packages(system: TdnfSystem, option: str) -> None:
    system.done(option, "install", "bare", "foreign")
    assert system.installed() == ["bare-1-1.noarch", "foreign-1-1.noarch"]


def test_a_repository_may_ask_for_no_signatures(system: TdnfSystem, base: PackageSet) -> None:
    system.enable(base, gpgcheck=0)
    system.done("install", "bare")


@pytest.mark.parametrize("part", ["header", "payload"])
def test_what_was_changed_after_signing_is_refused(
    system: TdnfSystem, base: PackageSet, part: str
) -> None:
    path = base.paths["app-1-1.noarch"]
    path.write_bytes(spoiled(path.read_bytes(), part))
    # against the metadata: told by checksum; with metadata to match: by signature and rpm
    assert refused(system, system.run("-y", "install", "app")) == 1528
    base.publish()
    ran = system.run("-y", "--refresh", "install", "app")
    assert refused(system, ran) == (1514 if part == "header" else 1515)


def spoiled(data: bytes, part: str) -> bytes:
    place = data.rindex(b"What app is for") if part == "header" else len(data) - 12
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_a_cached_package_is_looked_at_again(system: TdnfSystem) -> None:
    system.done("install", "--downloadonly", "app")
    assert system.installed() == []
    (cached,) = (system.root / "var/cache/tdnf").glob("base-*/rpms/app-*.rpm")
    cached.write_bytes(spoiled(cached.read_bytes(), "payload"))
    system.done("install", "app")
    assert system.installed() == ["app-1-1.noarch"]
    assert not cached.exists()


def test_what_a_portal_answers_is_not_kept_as_a_key(system: TdnfSystem, base: PackageSet) -> None:
    text = base.key.read_bytes()
    with served(base.folder) as server:
        system.enable(base, baseurl=server.url, gpgkey=f"{server.url}/{base.key.name}")
        base.key.write_text("<html>Please sign in</html>")
        ran = system.run("-y", "install", "app")
        assert (refused(system, ran), "There is no PGP PUBLIC KEY BLOCK" in ran.stderr) == (
            1505,
            True,
        )
        base.key.write_bytes(text)
        system.done("install", "app")


def test_without_the_network_only_what_was_fetched_is_installed(
    system: TdnfSystem, base: PackageSet
) -> None:
    """``-C`` forbids to fetch packages and keys as it does metadata."""
    with served(base.folder) as server:
        system.configure(keepcache=1)
        system.enable(base, baseurl=server.url, gpgkey=f"{server.url}/{base.key.name}")
        system.done("makecache")
        ran = system.run("-y", "-C", "install", "app")
        assert (refused(system, ran), "app-1-1.noarch.rpm" in ran.stderr) == (1034, True)
        system.done("--downloadonly", "install", "app")
        system.done("-C", "install", "app")


@pytest.mark.parametrize("option", ["--repofrompath", "--repofromdir"])
def test_a_repository_of_the_command_line_is_trusted_no_more_than_others(
    system: TdnfSystem, base: PackageSet, option: str
) -> None:
    named = (f"{option}=mine,{base.folder}", "--repo=mine", "-y")
    assert refused(system, system.run(*named, "install", "bare")) == 1510
    ran = system.run(*named, "install", "app")
    assert (refused(system, ran), "--setopt=REPOSITORY.gpgkey" in ran.stderr) == (1523, True)
    key = f"--setopt=mine.gpgkey={base.key.as_uri()}"
    assert refused(system, system.run(*named, key, "install", "foreign")) == 1514
    system.done(*named, key, "install", "app")
    system.done(*named, "install", "second")
    system.done(*named, "--nogpgcheck", "install", "bare")
