"""Libraries inside of programs and beside them: found, named, and owned by whom."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.os.harden.elffile import read
from heliostat.os.inventory.go_build import GoModule, go_build
from heliostat.os.inventory.libraries import Ecosystem, Library, go_release, libraries_in
from heliostat.os.inventory.owners import owners_of
from heliostat.os.packages.rpm.file import File
from heliostat.testing.go_programs import go_program
from heliostat.testing.roots import planted
from heliostat.testing.rpms import BUILT, tiny
from heliostat.testing.systems import base, system

LINES = (
    "path\texample.com/main",
    "mod\texample.com/main\tv1.0.0\th1:x=",
    "dep\tgithub.com/BurntSushi/toml\tv1.4.0\th1:x=",
    "dep\texample.org/old\tv0.9.0\th1:x=",
    "=>\texample.org/replacement\tv0.9.1\th1:x=",
    "dep\texample.org/local\tv1.0.0",
    "=>\t./local\t(devel)\t",
    "build\t-buildmode=exe",
)
METADATA = "Metadata-Version: 2.1\nName: Zope.Interface\nVersion: 6.4\n\nVersion: of the text\n"


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _told(path: Path) -> tuple[str, dict[str, str]] | None:
    facts = read(path)
    if facts is None or facts.go_at is None:
        return None
    build = go_build(path, facts.go_at)
    assert build is not None
    return build.tool_chain, {each.path: each.version for each in build.modules}


def test_a_program_tells_its_modules_without_those_replaced(tmp_path: Path) -> None:
    told = _told(_written(tmp_path / "main", go_program("go1.24.4", *LINES)))
    assert told == (
        "go1.24.4",
        {
            "example.com/main": "v1.0.0",
            "github.com/BurntSushi/toml": "v1.4.0",
            "example.org/replacement": "v0.9.1",
        },
    )
    assert _told(_written(tmp_path / "bare", go_program("go1.24.4"))) == ("go1.24.4", {})


@given(cut=st.integers(0, 4600), noise=st.binary(max_size=64))
def test_no_damage_is_a_crash(
    tmp_path_factory: pytest.TempPathFactory, cut: int, noise: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    content = go_program("go1.24.4", *LINES)
    path.write_bytes(content[:cut] + noise + content[cut + len(noise) :])
    libraries_in(path)


@pytest.mark.skipif(shutil.which("go") is None, reason="judged where Go is installed")
def test_gos_own_words_are_the_same(tmp_path: Path) -> None:
    files = {
        "/go.mod": "module example.com/main\n\ngo 1.18\n\nrequire example.com/dep v1.2.3\n",
        "/vendor/modules.txt": "# example.com/dep v1.2.3\n## explicit\nexample.com/dep\n",
        "/vendor/example.com/dep/dep.go": "package dep\n\nfunc F() {}\n",
        "/main.go": 'package main\n\nimport "example.com/dep"\n\nfunc main() { dep.F() }\n',
    }
    planted(tmp_path, files)
    extra = {"GOFLAGS": "-mod=vendor", "GOCACHE": str(tmp_path / "cache"), "GOTOOLCHAIN": "local"}
    asked = {**os.environ, **extra, "CGO_ENABLED": "0"}
    for words in (["go", "build", "-o", "main", "."], ["go", "version", "-m", "main"]):
        done = subprocess.run(
            words, cwd=tmp_path, env=asked, capture_output=True, text=True, check=True, timeout=600
        )
    tool_chain, *lines = done.stdout.splitlines()
    modules = [GoModule(*f[1:3]) for line in lines if (f := line.split())[:1] == ["dep"]]
    told = _told(tmp_path / "main")
    assert told is not None
    assert f"main: {told[0]}" == tool_chain
    assert told[1] == {each.path: each.version for each in modules} == {"example.com/dep": "v1.2.3"}


@pytest.mark.parametrize(
    ("tool_chain", "release"),
    [
        ("go1.24.4", "1.24.4"),
        ("go1.24", "1.24.0"),
        ("go1.25rc2", "1.25.0-rc.2"),
        ("go1.22.1 X:boringcrypto", "1.22.1"),
        ("devel go1.25-abc", ""),
    ],
)
def test_tool_chains_are_numbered_as_osv_does(tool_chain: str, release: str) -> None:
    assert go_release(tool_chain) == release


def test_pythons_distributions_are_found_in_every_form(tmp_path: Path) -> None:
    packages = "/usr/lib/python3/dist-packages"
    root = planted(
        tmp_path,
        {
            f"{packages}/zope.interface-6.4.dist-info/METADATA": METADATA,
            "/opt/venv/lib/zope_interface-6.4.egg-info/PKG-INFO": METADATA.replace(".I", "_i"),
            f"{packages}/single-1.egg-info": "Name: single\nVersion: 1\n",
            f"{packages}/empty-1.dist-info/METADATA": "Name: empty\n",
            f"{packages}/odd-1.dist-info/RECORD": "",
            "/proc/1/x-1.dist-info/METADATA": METADATA,
        },
        links={f"{packages}/link-1.dist-info": "/usr"},
    )
    places = (
        "/opt/venv/lib/zope_interface-6.4.egg-info",
        f"{packages}/zope.interface-6.4.dist-info",
    )
    single = (f"{packages}/single-1.egg-info",)
    assert libraries_in(root) == [
        Library(Ecosystem.PYPI, "Zope.Interface", "6.4", places),
        Library(Ecosystem.PYPI, "single", "1", single),
    ]


def test_package_urls_are_as_their_specification_writes_them() -> None:
    from packageurl import PackageURL

    for ecosystem, name, version in (
        (Ecosystem.GO, "github.com/BurntSushi/toml", "v2.0.0+incompatible"),
        (Ecosystem.GO, "stdlib", "1.24.0-rc.2"),
        (Ecosystem.PYPI, "Typing_Extensions", "1!2.0"),
    ):
        purl = Library(ecosystem, name, version, ()).purl
        read_back = PackageURL.from_string(purl)
        assert read_back.version == version
        assert read_back.to_string() == purl


@pytest.mark.skipif(os.geteuid() != 0, reason="installing into a root needs root")
def test_owners_are_told_by_rpm_and_by_dpkg(tmp_path: Path) -> None:
    info = "/usr/lib/python3/dist-packages/x-1.dist-info"
    packaged = tiny(
        "python3-x",
        files=(File.regular(f"{info}/METADATA", b"Name: x\nVersion: 1\n", mtime=BUILT),),
    )
    root = system(tmp_path / "rpm", base(), packaged)
    planted(root, {"/opt/y-1.egg-info": "Name: y\nVersion: 1\n"})
    places = [place for library in libraries_in(root) for place in library.places]
    assert places == [info, "/opt/y-1.egg-info"]
    assert owners_of(root, places) == {info: "python3-x"}
    lists = {"/var/lib/dpkg/info/tool:amd64.list": "/.\n/bin/tool\n", "/usr/bin/tool": ""}
    other = planted(tmp_path / "dpkg", lists)
    assert owners_of(other, ["/usr/bin/tool", "/usr/bin/else"]) == {"/usr/bin/tool": "tool"}
