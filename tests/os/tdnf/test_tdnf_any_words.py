"""Whatever is typed or written into a file of settings: a result or a number, and JSON with -j."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliostat.os.tdnf.arguments import COLLECTED, Options
from heliostat.os.tdnf.commands import COMMANDS
from heliostat.testing.package_set import package, published
from heliostat.testing.tdnf_runs import in_process
from heliostat.testing.tdnf_system import TdnfSystem

# they write where they are told to, or change what other runs find
ELSEWHERE = {"config", "installroot", "download_path", "downloaddir", "metadata_path", "delete"}
TYPED = st.one_of(
    st.sampled_from(
        [
            "app",
            "app-1-1.noarch",
            "@System",
            "*",
            "/",
            "*/data",
            "a=b",
            "0",
            "-1",
            "1-2",
            "%{name}",
            "%{",
            "\\",
            "[",
            "=",
        ]
    ),
    st.sampled_from(["app >= 1", "(app or lib)", "", "list", "all", "installed", "ünïcode"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
)
SWITCHES = sorted(
    name.rstrip("_").replace("_", "-")
    for name, value in vars(Options).items()
    if value is False and name not in ELSEWHERE
)
VALUED = sorted(
    name.rstrip("_").replace("_", "-")
    for name, value in (*vars(Options).items(), *((each, None) for each in COLLECTED))
    if (value is None or isinstance(value, str))
    and not name.startswith("__")
    and name not in ELSEWHERE
)
OPTIONS = st.one_of(
    st.sampled_from(SWITCHES).map("--{}".format),
    st.tuples(st.sampled_from(VALUED), TYPED).map("--{0[0]}={0[1]}".format),
)
FILES = ("etc/tdnf/tdnf.conf", "etc/repos/other.repo", "etc/tdnf/locks.d/a.conf")
LINES = st.lists(
    st.one_of(
        st.sampled_from(b"[main] [other] [ [../a] enabled=1 baseurl=file:///none a =b".split()),
        st.sampled_from(b"priority=x excludepkgs=a* metadata_expire=- openmax=9e9".split()),
        st.sampled_from(b"varsdir=/ gpgkey=x cachedir=/var/cache/x".split()),
        st.sampled_from([b"minversions=app=2 b", b"name=$releasever ${", b" more", b"# no"]),
        st.binary(max_size=6),
    ),
    max_size=6,
).map(b"\n".join)
MANY = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TdnfSystem:
    monkeypatch.chdir(tmp_path)  # some words copy repositories to where they are said
    made = TdnfSystem(tmp_path / "system")
    base = published(tmp_path / "base", package("app", requires=["lib"]), package("lib"))
    made.enable(base, metadata_expire="never")
    made.holds(base, "lib-1-1.noarch")
    in_process(made, "makecache")
    return made


def ends_well(system: TdnfSystem, *words: str) -> None:
    ran = in_process(system, "--assumeno", "--cacheonly", *words)
    told = ran.stdout + ran.stderr
    assert "Error(1000)" not in told, told
    assert '"Error": 1000' not in told, told
    if ran.exit_code and "check-update" not in words:
        assert "Error(" in told or '"Error": ' in told, told


@MANY
@given(
    options=st.lists(OPTIONS, max_size=3), command=st.sampled_from(sorted(COMMANDS)), data=st.data()
)
def test_any_words_are_a_result_or_a_number(
    system: TdnfSystem, options: list[str], command: str, data: st.DataObject
) -> None:
    arguments = data.draw(st.lists(TYPED, max_size=2))
    ends_well(system, *options, command, *arguments)
    ran = in_process(system, "--assumeno", "--cacheonly", "-j", *options, command, *arguments)
    json.loads(ran.stdout)


@MANY
@given(written=st.fixed_dictionaries(dict.fromkeys(FILES, LINES)))
def test_any_settings_are_taken_or_told(system: TdnfSystem, written: dict[str, bytes]) -> None:
    before = {name: path.read_bytes() for name in FILES if (path := system.folder / name).exists()}
    for name, text in written.items():
        path = system.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(before.get(name, b"") + text + b"\n")
    try:
        ends_well(system, "repolist", "all")
        ends_well(system, "install", "app")
    finally:
        for name in written:
            (system.folder / name).unlink()
            if name in before:
                (system.folder / name).write_bytes(before[name])
