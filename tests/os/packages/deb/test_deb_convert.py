"""A Debian package as an RPM: what ``rpm`` itself says of it, and what it installs."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.deb.archive import read_deb
from heliostat.os.packages.deb.convert import convert
from heliostat.os.packages.deb.policy import Policy
from heliostat.os.packages.deb.policy_schema import (
    Defaults,
    NewFile,
    NewFolder,
    Ownership,
    PackagePolicy,
    Review,
    Trigger,
)
from heliostat.os.packages.rpm.file import File, FileFlag
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.debs import TinyDeb, build_deb

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: GPL-2+

Files: debian/*
License: Expat
"""
DEB = TinyDeb(
    "tiny",
    "2:1.0-rc1-3",
    fields={
        "Source": "tinies (1.0-rc1-3)",
        "Section": "utils",
        "Homepage": "https://tiny.example.org/",
        "Depends": "libc6 (>= 2.38), debconf (>= 0.5) | debconf-2.0",
        "Recommends": "extra",
    },
    files={
        "/usr/bin/tiny": "#!/bin/sh\n",
        "/bin/old": "old\n",
        "/etc/tiny.conf": "a = 1\n",
        "/usr/share/doc/tiny/copyright": COPYRIGHT,
        "/usr/share/doc/tiny/README": "read me\n",
        "/usr/share/man/de/man1/tiny.1.gz": b"\x1f\x8b",
        "/usr/share/locale/pt_BR/LC_MESSAGES/tiny.mo": "oi",
        "/usr/share/lintian/overrides/tiny": "x",
    },
    modes={"/usr/bin/tiny": 0o755, "/bin/old": 0o755},
    links={"/usr/bin/alias": "tiny"},
    hard_links={"/usr/bin/twin": "/usr/bin/tiny"},
    folders={"/var/lib/tiny": 0o750},
    config_files=("/etc/tiny.conf",),
)
DEFAULTS = Defaults(
    drop=("/usr/share/lintian",),
    folders=("/etc", "/usr", "/usr/bin", "/usr/share", "/var", "/var/lib"),
    licences={"GPL-2+": "GPL-2.0-or-later", "Expat": "MIT"},
)


def converted(deb: TinyDeb, tmp_path: Path, decided: PackagePolicy | None = None) -> Package:
    policy = Policy(defaults=DEFAULTS, packages={deb.name: decided} if decided else {})
    return convert(read_deb(build_deb(deb, tmp_path), tmp_path), policy)


def by_path(package: Package) -> dict[str, File]:
    return {file.path: file for file in package.files}


def asked(path: Path, *argv: str) -> list[str]:
    done = subprocess.run(["rpm", "-qp", *argv, str(path)], capture_output=True, check=True)
    return done.stdout.decode().splitlines()


def test_rpm_reads_what_the_package_is(tmp_path: Path) -> None:
    package = converted(DEB, tmp_path, PackagePolicy(drop_requires=("debconf",)))
    path = write(package, tmp_path).path
    assert subprocess.run(["rpm", "-K", "--nosignature", str(path)]).returncode == 0
    wanted = "%{NAME} %{EPOCH} %{VERSION} %{RELEASE} %{ARCH} %{SOURCERPM} %{URL} %{LICENSE}\n"
    assert asked(path, "--qf", wanted) == [
        "tiny 2 1.0+rc1 3 x86_64 tinies-1.0+rc1-3.src.rpm https://tiny.example.org/ "
        "GPL-2.0-or-later AND MIT"
    ]
    assert asked(path, "--qf", "%{VENDOR}\n%{SUMMARY}\n%{DESCRIPTION}\n") == [
        "Heliostat (imported from Debian)",
        "tiny of the test",
        "A longer text.",
        "",
        "Its second part.",
    ]
    requires = asked(path, "--requires")
    assert "libc6 >= 2.38-0" in requires
    assert not any("debconf" in each for each in requires)
    assert asked(path, "--provides") == ["tiny = 2:1.0+rc1-3"]
    assert asked(path, "--recommends") == ["extra"]
    assert asked(path, "--scripts") == []


def test_files_carry_what_rpm_needs_to_know(tmp_path: Path) -> None:
    files = by_path(converted(DEB, tmp_path))
    assert files["/etc/tiny.conf"].flags == FileFlag.CONFIG | FileFlag.NO_REPLACE
    assert files["/usr/share/doc/tiny/copyright"].flags == FileFlag.LICENCE
    assert files["/usr/share/doc/tiny/README"].flags == FileFlag.DOC
    assert files["/usr/share/man/de/man1/tiny.1.gz"].language == "de"
    assert files["/usr/share/locale/pt_BR/LC_MESSAGES/tiny.mo"].language == "pt_BR"
    assert files["/usr/bin/alias"].target == "tiny"
    assert {files["/usr/bin/twin"].hard_link, files["/usr/bin/tiny"].hard_link} > {""}
    assert files["/var/lib/tiny"].mode & 0o7777 == 0o750


def test_usr_is_merged_shared_folders_and_dropped_files_are_left_out(tmp_path: Path) -> None:
    files = by_path(converted(DEB, tmp_path))
    assert "/usr/bin/old" in files
    assert not {"/bin/old", "/bin", "/usr", "/usr/bin", "/etc", "/"} & set(files)
    assert not any("lintian" in path for path in files)


def test_rpm_installs_it(tmp_path: Path) -> None:
    package = dataclasses.replace(converted(DEB, tmp_path), requires=())
    path = write(package, tmp_path).path
    root = tmp_path / "root"
    argv = ["rpm", "--root", str(root), "--dbpath", "/db", "--force-debian", "--nodeps", "-i"]
    done = subprocess.run([*argv, str(path)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert (root / "usr/bin/alias").readlink() == Path("tiny")
    assert (root / "usr/bin/twin").samefile(root / "usr/bin/tiny")
    assert (root / "var/lib/tiny").stat().st_mode & 0o7777 == 0o750


def test_the_same_package_and_policy_give_the_same_bytes(tmp_path: Path) -> None:
    parts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        parts.append(write(converted(DEB, tmp_path / name), tmp_path / name).path.read_bytes())
    assert parts[0] == parts[1]


DECIDED = PackagePolicy(
    drop=("/usr/share/man",),
    move={"/usr/bin/ol*": "/usr/lib/tiny/{}-program"},
    copies={"/etc/copy.conf": "/usr/share/doc/tiny/README"},
    files={"/usr/lib/sysusers.d/tiny.conf": NewFile(content="u tiny -\n", mode="0600")},
    folders={"/var/log/tiny": NewFolder(mode="0700", user="daemon")},
    links={"/usr/bin/short": "tiny"},
    owners={"/usr/bin/tiny": Ownership(mode="4755", group="adm", capabilities="cap_net_raw=ep")},
    provides=("/bin/tiny", "tiny-api = 3"),
    requires=("more >= 2",),
    triggers=(Trigger(paths=("/usr/lib/tiny",), run="true"),),
)


def test_the_policys_decisions_are_in_the_package(tmp_path: Path) -> None:
    package = converted(DEB, tmp_path, DECIDED)
    files = by_path(package)
    assert "/usr/share/man/de/man1/tiny.1.gz" not in files
    assert "/usr/lib/tiny/d-program" in files
    assert files["/etc/copy.conf"].content == b"read me\n"
    assert files["/etc/copy.conf"].flags == FileFlag.CONFIG | FileFlag.NO_REPLACE
    assert files["/usr/lib/sysusers.d/tiny.conf"].mode & 0o7777 == 0o600
    assert (files["/var/log/tiny"].user, files["/var/log/tiny"].is_folder) == ("daemon", True)
    assert files["/usr/bin/short"].target == "tiny"
    assert (files["/usr/bin/tiny"].mode & 0o7777, files["/usr/bin/tiny"].group) == (0o4755, "adm")
    path = write(package, tmp_path).path
    account = {"user(tiny) = dSB0aW55IC0=", "group(tiny)"}
    provided = {"/bin/tiny", "tiny = 2:1.0+rc1-3", "tiny-api = 3", *account}
    assert set(asked(path, "--provides")) == provided
    assert {"more >= 2", "/bin/sh"} <= set(asked(path, "--requires"))
    assert "transfiletriggerin" in "\n".join(asked(path, "--filetriggers"))


def test_a_raised_epoch_leaves_the_plain_version_provided(tmp_path: Path) -> None:
    package = converted(DEB, tmp_path, PackagePolicy(raise_epoch=1))
    assert package.epoch == 3
    texts = [str(each) for each in package.provides]
    assert texts == ["tiny = 3:1.0+rc1-3", "tiny = 2:1.0+rc1-3"]


SCRIPTED = dataclasses.replace(DEB, scripts={"postinst": "#!/bin/sh\nset -e\nadduser tiny\n"})


def test_code_that_nobody_read_is_refused_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="nobody has read here: 1 line") as raised:
        converted(SCRIPTED, tmp_path)
    assert raised.value.code == "ImportRefused"
    assert raised.value.data["lines"] == ["postinst: adduser tiny"]
    entry = str(raised.value.data["entry"])
    assert entry in raised.value.hint

    import msgspec
    from ruamel.yaml import YAML

    from heliostat.os.packages.deb.policy_schema import PolicyFile

    pasted = msgspec.convert(YAML(typ="safe").load(entry), PolicyFile)
    (tmp_path / "again").mkdir()
    assert converted(SCRIPTED, tmp_path / "again", pasted.packages["tiny"]).scripts == ()


def test_a_review_of_other_lines_does_not_count(tmp_path: Path) -> None:
    stale = PackagePolicy(scripts={"postinst": Review(why="read once", digests=("0" * 12,))})
    with pytest.raises(HeliostatError, match="nobody has read"):
        converted(SCRIPTED, tmp_path, stale)


def test_a_kind_of_script_may_be_never_needed(tmp_path: Path) -> None:
    policy = Policy(defaults=Defaults(scripts={"postinst": "never needed"}))
    assert convert(read_deb(build_deb(SCRIPTED, tmp_path), tmp_path), policy).name == "tiny"


def test_what_is_replaced_is_not_imported(tmp_path: Path) -> None:
    policy = Policy(replaced={"tiny": "heliostat-tiny"})
    with pytest.raises(HeliostatError, match="heliostat-tiny takes its place"):
        convert(read_deb(build_deb(DEB, tmp_path), tmp_path), policy)


def test_a_path_that_the_package_lacks_is_a_mistake_of_the_policy(tmp_path: Path) -> None:
    wrong = PackagePolicy(owners={"/usr/bin/tinny": Ownership(mode="4755")})
    with pytest.raises(HeliostatError, match=r"names /usr/bin/tinny, which the package lacks"):
        converted(DEB, tmp_path, wrong)


def test_links_take_the_place_of_alternatives(tmp_path: Path) -> None:
    offered = "update-alternatives --install /usr/bin/{0} {0} /usr/bin/tiny {1}\n"
    script = "#!/bin/sh\n" + offered.format("mine", 10) + offered.format("theirs", 99)
    deb = dataclasses.replace(DEB, scripts={"postinst": script})
    policy = Policy(defaults=Defaults(alternatives={"/usr/bin/theirs": "other"}))
    files = by_path(convert(read_deb(build_deb(deb, tmp_path), tmp_path), policy))
    assert files["/usr/bin/mine"].target == "tiny"
    assert "/usr/bin/theirs" not in files


def test_a_hard_link_outlives_the_file_it_was_made_of(tmp_path: Path) -> None:
    first, second = sorted(("/usr/bin/tiny", "/usr/bin/twin"))
    files = by_path(converted(DEB, tmp_path, PackagePolicy(drop=(first,))))
    assert first not in files
    assert (files[second].content, files[second].hard_link) == (b"#!/bin/sh\n", "")


def test_programs_are_stripped_where_the_policy_says(tmp_path: Path) -> None:
    source = tmp_path / "main.c"
    source.write_text("int main(void) { return 0; }\n")
    program = tmp_path / "main"
    subprocess.run(["cc", "-g", "-o", str(program), str(source)], check=True)
    deb = TinyDeb("elf", files={"/usr/bin/elf": program.read_bytes(), "/usr/bin/text": "text\n"})
    files = by_path(converted(deb, tmp_path, PackagePolicy(strip=("/usr/bin/*",))))
    assert files["/usr/bin/elf"].size_bytes < program.stat().st_size
    assert files["/usr/bin/text"].content == b"text\n"
