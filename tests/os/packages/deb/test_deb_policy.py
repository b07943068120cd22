"""The policy as data: merged from files, refused with file, line and nearest key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from ruamel.yaml import YAML

from heliostat.core.errors import HeliostatError
from heliostat.os.image.distro import locate_distro
from heliostat.os.packages.constraints import RelationText
from heliostat.os.packages.deb.policy import Policy, check_names, load_policy
from heliostat.os.packages.deb.policy_schema import NewFile, NewFolder, Ownership, PackagePolicy
from heliostat.os.packages.rpm.relation import Relation


def written(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_files_make_one_policy_and_exact_names_win(tmp_path: Path) -> None:
    policy = load_policy(
        written(
            tmp_path / "policy",
            a="packages:\n  linux-image-*: {drop: [/boot]}\n",
            b="packages:\n  linux-image-6: {drop: [/lib]}\nreplaced: {dash: bash}\n",
        )
    )
    assert policy.of("linux-image-6").drop == ("/lib",)
    assert policy.of("linux-image-7").drop == ("/boot",)
    assert policy.of("other") == PackagePolicy()
    assert policy.replaced == {"dash": "bash"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("packages:\n  bash:\n    dropp: [/x]\n", r"a\.yaml:3: .*did you mean 'drop'"),
        ("packages:\n  bash:\n    scripts:\n      postins: {why: x, digests: []}\n", "postins"),
        ("packages:\n  bash:\n    drop: /x\n", r"a\.yaml:3: .*expected `array`, got `str`"),
        ("packages: [\n", "this is not YAML"),
        (
            "packages:\n  bash:\n    owners:\n      /bin/x: {mode: rwx}\n",
            r"a\.yaml:4: .*'rwx' is not four octal digits",
        ),
        (
            "packages:\n  bash:\n    requires: [sed, 'sed >> 4']\n",
            r"a\.yaml:3: .*'sed >> 4' is not a relation: NAME",
        ),
        ("packages:\n  bash:\n    files:\n      etc/x: {}\n", r"a\.yaml:4: .*begins with /"),
        (
            "packages:\n  bash:\n    owners:\n      /x: {capabilities: cap_net_raw}\n",
            r"a\.yaml:4: .*'cap_net_raw' is not capabilities as libcap writes them",
        ),
        (
            "packages:\n  bash:\n    scripts:\n      postinst: {why: x, digests: [WRITE]}\n",
            r"a\.yaml:4: .*'WRITE' is not a digest",
        ),
        ("packages:\n  bash:\n    provides: [(a or b]\n", r"a\.yaml:\d: .*is not a relation"),
        ("packages:\n  bash:\n    provides: ['((a or b)']\n", r"a\.yaml:\d: .*don't match"),
        ("packages:\n  bash:\n    move: {/a: '/b/{}'}\n", r"a\.yaml:\d: .*{} stands for one \*"),
        ("packages:\n  bash:\n    move: {/a-*-*: '/b/{}'}\n", r"a\.yaml:\d: .*for one \*"),
    ],
)
def test_faults_name_file_line_and_key(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match=told) as raised:
        load_policy(written(tmp_path / "policy", a=text))
    assert raised.value.code == "InvalidSetting"


def test_two_files_must_not_decide_about_the_same_package(tmp_path: Path) -> None:
    one = "packages:\n  bash: {drop: [/x]}\n"
    with pytest.raises(HeliostatError, match="bash was already decided about in"):
        load_policy(written(tmp_path / "policy", a=one, b=one))


def test_an_empty_folder_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="has no policy files"):
        load_policy(written(tmp_path / "policy"))


def test_a_package_that_the_archive_lacks_is_told_with_its_line(tmp_path: Path) -> None:
    folder = written(tmp_path / "policy", a="packages:\n  bahs: {drop: [/x]}\n")
    with pytest.raises(HeliostatError, match=r"a\.yaml:2: .* bahs\. Did you mean bash\?"):
        check_names(load_policy(folder), ["bash"], folder)
    check_names(load_policy(written(folder, a="packages:\n  ba*: {}\n")), ["bash"], folder)


def test_whom_a_link_is_given_to_is_a_package(tmp_path: Path) -> None:
    text = "defaults:\n  alternatives:\n    /usr/bin/vi: nivm\npackages:\n  nvim: {}\n"
    folder = written(tmp_path / "policy", a=text)
    with pytest.raises(HeliostatError, match=r"yaml:3: .* no package nivm\. Did you mean nvim\?"):
        check_names(load_policy(folder), ["nvim"], folder)
    part = "packages:\n  nvim:\n    parts:\n      nivm: {summary: A part, files: [/x]}\n"
    kept = text.partition("packages:")[0] + part
    check_names(load_policy(written(folder, a=kept)), ["nvim"], folder)


def test_what_was_decided_names_a_conversion() -> None:
    one = Policy(packages={"a": PackagePolicy(drop=("/x",)), "b": PackagePolicy()})
    two = Policy(packages={"a": PackagePolicy(drop=("/y",)), "b": PackagePolicy()})
    assert one.digest_of("a") != two.digest_of("a")
    assert one.digest_of("b") == two.digest_of("b")


def test_the_shared_folders_are_those_of_our_own_package() -> None:
    """Folders that no imported package owns must be owned, or they would belong to nobody."""
    distro = locate_distro()
    told = YAML(typ="safe").load(distro / "packages" / "heliostat-filesystem" / "package.yaml")
    owned = {folder["path"] for folder in told["folders"]} | set(told["links"])
    shared = set(load_policy(distro / "policy").defaults.folders)
    assert shared <= owned


def test_every_replaced_name_is_provided_by_what_replaces_it() -> None:
    distro = locate_distro()
    for name, ours in load_policy(distro / "policy").replaced.items():
        told = YAML(typ="safe").load(distro / "packages" / ours / "package.yaml")
        assert name in {text.split()[0] for text in told["provides"]}, f"{ours} lacks {name}"


def test_owners_that_the_policy_names_are_accounts_from_the_start() -> None:
    """RPM gives a file to root if the account isn't there when it is unpacked.

    Those of ``heliostat-filesystem`` are, and those that the package's own sysusers.d makes.
    """
    distro = locate_distro()
    accounts = distro / "packages" / "heliostat-filesystem" / "files" / "etc"

    def names(file: str) -> set[str]:
        return {line.partition(":")[0] for line in (accounts / file).read_text().splitlines()}

    users, groups = names("passwd"), names("group")
    for decided in load_policy(distro / "policy").packages.values():
        owned: tuple[Ownership | NewFile | NewFolder, ...] = (
            *decided.owners.values(),
            *decided.files.values(),
            *decided.folders.values(),
        )
        made = list(_sysusers(decided))
        made_users = {name for kind, name in made if kind == "u"}
        assert {each.user for each in owned if each.user} <= users | made_users
        assert {each.group for each in owned if each.group} <= groups | {name for _, name in made}


def _sysusers(decided: PackagePolicy) -> Iterator[tuple[str, str]]:
    """Kind and name of each line; a user (u) has a group (g) of his name."""
    for path, file in decided.files.items():
        if path.startswith("/usr/lib/sysusers.d/"):
            for line in file.content.splitlines():
                kind, name, *_ = line.split()
                yield kind, name


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "/bin/sh",
        "a >= 1:2.0~rc1-3",
        "a = 1",
        "(a or b >= 2)",
        "perl(Foo::Bar) < 3",
        "config(a) = 1",
    ],
)
def test_what_the_schema_takes_for_a_relation_is_one(text: str) -> None:
    assert str(Relation.parse(msgspec.convert(text, RelationText))) == text
