"""The command line: what is written means the same wherever and however it is written."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.os.tdnf.arguments import SHORT, parse
from heliostat.os.tdnf.errors import TdnfError
from heliostat.os.tdnf.manual import OPTIONS

SWITCHES = [
    name
    for group in OPTIONS.values()
    for name, (value, _) in group.items()
    if not value and name not in ("alldeps", "nodeps")
]
VALUED = ["config", "installroot", "releasever", "downloaddir", "sec-severity", "qf"]
WORD = st.text(alphabet="abz09.*+~", min_size=1, max_size=6)


def attribute(name: str) -> str:
    """Where an option is kept."""
    return {"list": "list_", "from": "from_"}.get(name, name.replace("-", "_"))


@given(
    st.lists(st.sampled_from(SWITCHES), unique=True),
    st.dictionaries(st.sampled_from(VALUED), WORD),
    st.lists(WORD, min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_options_may_stand_anywhere(
    switches: list[str], values: dict[str, str], words: list[str], random: Random
) -> None:
    given_options = [[f"--{each}"] for each in ["downloadonly", *switches]]
    for name, value in values.items():
        joined = random.random() < 0.5
        given_options.append([f"--{name}={value}"] if joined else [f"--{name}", value])
    chunks = [*given_options, *([each] for each in words)]
    order = list(range(len(chunks)))
    random.shuffle(order)
    # the words keep their order among each other
    waiting = iter(words)
    argv: list[str] = []
    for place in order:
        argv += chunks[place] if place < len(given_options) else [next(waiting)]
    read = parse(argv)
    assert [read.command, *read.arguments] == words
    for name in SWITCHES:
        assert getattr(read.options, attribute(name)) == (name in [*switches, "downloadonly"])
    for name, value in values.items():
        assert getattr(read.options, attribute(name)) == value


def refused(argv: list[str]) -> TdnfError | None:
    """Why a command line is refused, if it is."""
    try:
        parse(argv)
    except TdnfError as error:
        return error
    return None


@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_words_are_read_or_refused_by_a_number(argv: list[str]) -> None:
    told = refused(argv)
    if told is None:
        assert parse(argv).argv == tuple(argv)
    else:
        assert 908 <= told.number <= 916
        assert told.sentence
        assert told.hint


def test_letters_may_be_joined_and_values_follow() -> None:
    read = parse(["-yqc", "/etc/x", "install", "-x", "a,b:c", "-x", "d", "p"])
    assert (read.options.assumeyes, read.options.quiet, read.options.config) == (
        True,
        True,
        "/etc/x",
    )
    assert read.options.exclude == ["a", "b", "c", "d"]
    assert (read.command, read.arguments) == ("install", ("p",))
    assert set(SHORT.values()) >= {"assumeyes", "json", "cacheonly"}


def test_names_may_be_shortened_and_have_one_dash_as_long_as_they_are_clear() -> None:
    assert parse(["-installroot", "/r", "list"]).options.installroot == "/r"
    assert parse(["--assumey", "list"]).options.assumeyes
    with pytest.raises(TdnfError, match="could be") as found:
        parse(["--skip", "list"])
    assert found.value.number == 908


def test_a_later_switch_of_a_repository_comes_after_an_earlier_one() -> None:
    read = parse(["--disablerepo=*", "--enablerepo", "a,b", "--repo=c", "list"])
    assert read.options.repository_switches == [
        ("disablerepo", "*"),
        ("enablerepo", "a"),
        ("enablerepo", "b"),
        ("repo", "c"),
    ]


def test_the_program_called_tdnfj_means_json_and_yes() -> None:
    options = parse(["list"], "/usr/bin/tdnfj").options
    assert (options.json, options.assumeyes) == (True, True)


@pytest.mark.parametrize(
    ("argv", "number"),
    [
        (["--nope"], 908),
        (["-Z"], 908),
        (["--config"], 909),
        (["--json=1"], 910),
        (["--setopt=x"], 911),
        (["--downloaddir=/x", "install", "a"], 913),
        (["--alldeps", "install", "a"], 915),
        (["--nodeps", "install", "a"], 916),
    ],
)
def test_each_mistake_has_its_number(argv: list[str], number: int) -> None:
    with pytest.raises(TdnfError) as found:
        parse(argv)
    assert found.value.number == number


def test_what_follows_two_dashes_is_no_option() -> None:
    read = parse(["repoquery", "--", "-x*"])
    assert read.arguments == ("-x*",)
