"""Repositories as large as real ones: names, relations and files like a distribution's.

Made from a seed, so every run measures the same packages; metadata only, but for those
that are installed.  Sizes follow what Fedora and Debian have: a median of six requirements,
a dozen files, one or two provided libraries a package, and few that everything needs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from heliostat.os.repo.metadata import documents, fragments_of
from heliostat.os.repo.record import Dependency, FileKind, ListedFile, PackageRecord, Sense
from heliostat.testing.package_set import PackageSet, package, publish_documents

SEED = 20_260_101
BUILT_AT = 1_767_225_600
INSTALLED = 150
WANTED = "workbench"
"""Needs what a large application does; its closure is some sixty packages."""
_WORDS = Path(__file__).with_name("words.txt").read_text().split()
_ENDINGS = ("", "al", "en", "er", "ful", "ing", "ish", "less", "ly", "ness")
_SPOKEN = [word + one + other for word in _WORDS for one in _ENDINGS for other in _ENDINGS]
"""Some thousand words, as a language has them."""
_KINDS = (
    ("{}", 30, "usr/bin"),
    ("lib{}", 22, "usr/lib64"),
    ("{}-devel", 10, "usr/include"),
    ("{}-doc", 8, "usr/share/doc"),
    ("python3-{}", 12, "usr/lib/python3/site-packages"),
    ("perl-{}", 8, "usr/share/perl5"),
    ("golang-{}", 5, "usr/share/gocode"),
    ("fonts-{}", 5, "usr/share/fonts"),
)


def make(folder: Path, count: int) -> None:
    """A repository of ``count`` packages in ``folder``, in the order of createrepo_c."""
    ordered = sorted(records(count), key=lambda each: each.location)
    made = documents(map(fragments_of, ordered))
    made.pop("other")
    publish_documents(folder, made)


def make_installed(folder: Path) -> PackageSet:
    """Real packages, as many as a small system has, in versions of before."""
    found = PackageSet(folder)
    names = [each.name for each in records(INSTALLED + 1) if each.name != WANTED]
    found.add(*(package(name, "0.9-1", "x86_64") for name in names), signed=False)
    return found


def records(count: int) -> Iterator[PackageRecord]:
    """The packages, each needing only earlier ones; the last is ``WANTED``."""
    chance = random.Random(SEED)
    names: list[str] = []
    taken: set[str] = set()
    for number in range(count - 1):
        pattern, _, place = chance.choices(_KINDS, [each[1] for each in _KINDS])[0]
        name = pattern.format(_stem(chance, number))
        name = name if name not in taken else f"{name}{number}"
        taken.add(name)
        yield _record(chance, name, number, place, _needed(chance, names))
        names.append(name)
    wanted = [names[(count - 2) * each // 12] for each in range(1, 12)]
    yield _record(chance, WANTED, count, "usr/bin", wanted)


def _stem(chance: random.Random, number: int) -> str:
    words = chance.sample(_WORDS, 1 if number < len(_WORDS) else 2)
    return "-".join(words) + (str(number % 97) if number > 5000 else "")


def _needed(chance: random.Random, names: list[str]) -> list[str]:
    """Mostly the few that everything needs, sometimes any other."""
    if not names:
        return []
    wanted = min(len(names), chance.choice((1, 2, 3, 4, 4, 5, 6, 6, 8, 12)))
    picked = (int(len(names) * chance.random() ** 4) for _ in range(wanted))
    return sorted({names[each] for each in picked})


def _record(
    chance: random.Random, name: str, number: int, place: str, needs: list[str]
) -> PackageRecord:
    version = f"{chance.randint(1, 9)}.{chance.randint(0, 30)}.{chance.randint(0, 9)}"
    release = f"{chance.randint(1, 12)}"
    own = Dependency(name, Sense.EQ, "0", version, release)
    soname = Dependency(f"{name}.so.{number % 7}()(64bit)")
    return PackageRecord(
        name=name,
        version=version,
        release=release,
        arch="noarch" if place.startswith("usr/share") else "x86_64",
        digest=f"{number:064x}",
        summary=f"The {name.replace('-', ' ')} of the {chance.choice(_WORDS)} suite",
        description=" ".join(chance.choices(_SPOKEN, k=chance.randint(20, 80))),
        url=f"https://{name}.example.invalid/",
        licence="Apache-2.0",
        source_rpm=f"{name}-{version}-{release}.src.rpm",
        build_time=BUILT_AT + number,
        package_size=chance.randint(8_000, 4_000_000),
        installed_size=chance.randint(20_000, 20_000_000),
        location=f"Packages/{name[0]}/{name}-{version}-{release}.rpm",
        provides=(own, soname),
        requires=tuple(Dependency(each) for each in needs),
        files=_files(chance, name, place),
    )


def _files(chance: random.Random, name: str, place: str) -> tuple[ListedFile, ...]:
    folder = f"/{place}/{name}"
    found = [ListedFile(f"/usr/share/licenses/{name}/LICENSE")]
    if place == "usr/bin":
        found += [ListedFile(folder), ListedFile(f"/usr/share/man/man1/{name}.1.gz")]
    else:
        found.append(ListedFile(folder, FileKind.FOLDER))
        words = chance.choices(_WORDS, k=chance.randint(4, 24))
        found += [ListedFile(f"{folder}/{word}{at}") for at, word in enumerate(words)]
    return tuple(sorted(found))
