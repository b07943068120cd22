"""Answers that are remembered: the same while nothing in them changed, bounded."""

from __future__ import annotations

from heliostat.controller.api.shown import Shown

KEY = ("/v1/vm/a", "http://here")


class Presenter:
    """Counts how often an answer is made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> dict[str, int]:
        self.made += 1
        return {"made": self.made}


def test_an_answer_is_made_once_while_it_is_made_of_the_same() -> None:
    shown, present, machine, host = Shown(), Presenter(), object(), object()
    bodies = {bytes(shown.body(KEY, (machine, host), present)) for _ in range(3)}
    assert bodies == {b'{"made":1}'}


def test_what_any_of_its_documents_changes_is_made_anew() -> None:
    shown, present, machine, host = Shown(), Presenter(), object(), object()
    shown.body(KEY, (machine, host), present)
    for made_of in ((machine, object()), (machine, None), (machine,), (machine, host, object())):
        shown.body(KEY, made_of, present)
    assert present.made == 5
    assert len(shown) == 1


def test_equal_documents_are_not_the_same() -> None:
    shown, present = Shown(), Presenter()
    shown.body(KEY, ([1],), present)
    shown.body(KEY, ([1],), present)
    assert present.made == 2


def test_links_follow_the_base_that_a_client_used() -> None:
    shown, machine = Shown(), object()
    here = shown.body(KEY, (machine,), lambda: "here")
    there = shown.body((KEY[0], "https://there"), (machine,), lambda: "there")
    assert (bytes(here), bytes(there)) == (b'"here"', b'"there"')


def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    shown, present, machine = Shown(answers=2), Presenter(), object()
    for name in ("a", "b", "a", "c", "a"):
        shown.body((name, ""), (machine,), present)
    assert present.made == 3
    shown.body(("b", ""), (machine,), present)
    assert (present.made, len(shown)) == (4, 2)


def test_large_answers_do_not_fill_the_memory() -> None:
    shown, machine = Shown(size_bytes=100), object()
    for number in range(10):
        shown.body((str(number), ""), (machine,), lambda: "x" * 38)
    assert len(shown) == 2
    assert bytes(shown.body(("large", ""), (machine,), lambda: "x" * 200)) == b'"%s"' % (b"x" * 200)
    assert len(shown) == 0
