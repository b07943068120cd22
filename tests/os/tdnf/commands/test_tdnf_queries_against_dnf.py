"""The same questions of the same repositories and database: dnf names the same packages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heliostat.testing.dnf_judge import DnfJudge
from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_system import TdnfSystem

# dnf is slow where much else runs
pytestmark = pytest.mark.timeout(600)
OFFERED = (
    package("app", "1-1", requires=["lib >= 1"]),
    package("app", "2:1~rc1-1", "x86_64", requires=["lib >= 2", "(tls or plain)"]),
    package("lib", "1-1", provides=["engine = 1"]),
    package("lib", "2-1", provides=["engine = 2"], conflicts=["legacy < 3"]),
    package("tls", "1^git2-1", recommends=["extra"], enhances=["app"]),
    package("plain", "1-1", suggests=["extra"], supplements=["app"]),
    package("shell", "1-1", files={"/usr/bin/shell": "x", "/usr/share/shell/help": "x"}),
    package("new", "1-1", obsoletes=["old <= 1"]),
)
PAST = (package("old", "1-1"), package("app", "1-1"), package("lib", "3-1"))

HELP = "/usr/share/shell/help"
QUESTIONS = [
    (("list", "available"), {"available": True}),
    (("list", "installed"), {"installed": True}),
    (("list", "available", "a*"), {"available": True, "name__glob": "a*"}),
    (("list", "upgrades"), {"upgrades": True}),
    (("repoquery",), {"available": True}),
    (("repoquery", "--installed"), {"installed": True}),
    (("repoquery", "--available", "lib"), {"available": True, "name": "lib"}),
    *(
        (("repoquery", f"--what{kind}", what), {"available": True, kind: what})
        for kind, what in (
            ("requires", "lib = 2"),
            ("requires", "lib = 1-1"),
            ("provides", "engine > 1"),
            ("provides", "engine"),
            ("conflicts", "legacy = 2"),
            ("recommends", "extra"),
            ("suggests", "extra"),
            ("supplements", "app"),
            ("enhances", "app"),
            ("obsoletes", "old = 1"),
        )
    ),
    (("repoquery", "--file", HELP), {"available": True, "file": HELP}),
    (("provides", "engine"), {"provides": "engine"}),
    (("provides", "engine = 2"), {"provides": "engine = 2"}),
    (("provides", "/usr/bin/shell"), {"file": "/usr/bin/shell"}),
    (("provides", "/usr/share/*/help"), {"file__glob": "/usr/share/*/help"}),
]


@pytest.fixture(scope="module")
def field(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[DnfJudge, TdnfSystem, PackageSet]]:
    folder = tmp_path_factory.mktemp("field")
    offers, past = PackageSet(folder / "offers"), PackageSet(folder / "past")
    offers.add(*OFFERED, signed=False)
    offers.publish()
    past.add(*PAST, signed=False)
    system = TdnfSystem(folder / "system")
    system.enable(offers, gpgcheck=0)
    system.install_by_rpm(*past.paths.values())
    judge = DnfJudge.of(folder / "dnf", system.environment)
    if judge is None:
        pytest.skip("dnf is not installed")
    with judge:
        yield judge, system, offers


@pytest.mark.parametrize(("words", "filters"), QUESTIONS, ids=[" ".join(q[0]) for q in QUESTIONS])
def test_both_name_the_same_packages(
    field: tuple[DnfJudge, TdnfSystem, PackageSet],
    words: tuple[str, ...],
    filters: dict[str, object],
) -> None:
    judge, system, offers = field
    ours = system.plan(*words).json
    theirs = judge.query(system.root, {"base": (offers.url, 50)}, **filters)
    assert sorted({told(each) for each in ours}) == sorted({without_epoch(each) for each in theirs})


def told(each: dict[str, str]) -> str:
    return f"{each['Name']}-{each['Evr']}.{each['Arch']}"


def without_epoch(nevra: str) -> str:
    """As the contract writes versions of lists."""
    name, version, rest = nevra.rsplit("-", 2)
    return f"{name}-{version.rpartition(':')[2]}-{rest}"
