"""Patterns of what is left out, against lists of files."""

from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from heliostat.os.tree.exclusion import left_out

_names = st.sampled_from(["usr", "share", "doc", "man", "a", "b.txt"])
_paths = st.lists(_names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def test_a_folder_of_which_nothing_stays_stands_for_all_below_it() -> None:
    paths = ["/usr/share/man", "/usr/share/man/man1", "/usr/share/man/man1/ls.1", "/usr/bin/ls"]
    assert left_out(["/usr/share/man"], paths) == ("/usr/share/man",)


def test_what_is_kept_keeps_the_folders_above_it() -> None:
    paths = ["/lib/gconv", "/lib/gconv/A.so", "/lib/gconv/B.so", "/lib/gconv/UTF-16.so"]
    found = left_out(["/lib/gconv", "!/lib/gconv/UTF-16.so"], paths)
    assert found == ("/lib/gconv/A.so", "/lib/gconv/B.so")


def test_one_star_stops_at_a_slash_and_two_do_not() -> None:
    paths = ["/p/x/tests/t.py", "/p/x/y/tests/t.py"]
    assert left_out(["/p/*/tests"], paths) == ("/p/x/tests/t.py",)
    assert left_out(["/p/**/tests"], paths) == tuple(paths)


def test_the_last_pattern_that_fits_counts() -> None:
    paths = ["/man/a", "/man/b"]
    assert left_out(["/man", "!/man"], paths) == ()
    assert left_out(["!/man/a", "/man"], paths) == ("/man/a", "/man/b")


def test_a_name_that_only_begins_alike_stays() -> None:
    assert left_out(["/usr/share/man"], ["/usr/share/mandoc"]) == ()


@given(patterns=st.lists(_paths, max_size=3), paths=st.lists(_paths, max_size=12))
def test_the_answer_covers_exactly_what_the_patterns_mean(
    patterns: list[str], paths: list[str]
) -> None:
    found = left_out(patterns, paths)

    def below(path: str, tops: list[str]) -> bool:
        return any(
            path == top or top in {str(above) for above in PurePosixPath(path).parents}
            for top in tops
        )

    for path in paths:
        assert below(path, list(found)) == below(path, patterns)
