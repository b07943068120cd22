"""``search`` and ``provides``: packages by what they say of themselves and what they give."""

from __future__ import annotations

import solv

from heliostat.os.tdnf.errors import (
    NO_DATA,
    NO_SEARCH_RESULTS,
    NOT_ENOUGH_ARGUMENTS,
    PROVIDES_NEEDS_ARGUMENT,
    TdnfError,
)
from heliostat.os.tdnf.metadata.cache import Cached
from heliostat.os.tdnf.metadata.words import TEXTS, saying
from heliostat.os.tdnf.packages.pool import in_order, nevra, split_evr
from heliostat.os.tdnf.packages.relations import providers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from heliostat.os.tdnf.session import Session

_NOCASE = solv.Dataiterator.SEARCH_SUBSTRING | solv.Dataiterator.SEARCH_NOCASE


def search(session: Session) -> int:
    """``search WORD...``: any of the words in name, summary, description or URL."""
    if not session.arguments:
        raise TdnfError(NOT_ENOUGH_ARGUMENTS, "search needs a word to look for.")
    packages = session.packages
    found: dict[int, solv.XSolvable] = {}
    for word in session.arguments:
        for repo in packages.pool.repos:
            found.update((each.id, each) for each in _saying(repo, word))
    # one line a name: the newest offer speaks for the others
    named = {each.nameid: each for each in reversed(in_order(found.values()))}
    shown = sorted(named.values(), key=lambda each: each.name)
    lines = [(each.name, each.lookup_str(solv.SOLVABLE_SUMMARY) or "") for each in shown]
    session.out.value([{"Name": name, "Summary": told} for name, told in lines])
    session.out.lines(f"{name} : {told}" for name, told in lines)
    if not lines and not session.out.json:
        told = f"Nothing matches {' '.join(session.arguments)}."
        raise TdnfError(NO_SEARCH_RESULTS, told)
    return 0


def _saying(repo: solv.Repo, word: str) -> Iterator[solv.XSolvable]:
    if isinstance(repo.appdata, Cached):
        yield from saying(repo.appdata, repo, word)
        return
    for key in TEXTS:
        for match in repo.Dataiterator(key, word, _NOCASE):
            yield match.solvable


def provides(session: Session) -> int:
    """``provides WHAT...``: packages that provide a capability or own a path."""
    if not session.arguments:
        raise TdnfError(PROVIDES_NEEDS_ARGUMENT)
    packages = session.packages
    found = in_order(
        {each.id: each for what in session.arguments for each in providers(packages, what)}.values()
    )
    if not found and not session.out.json:
        raise TdnfError(NO_DATA, f"Nothing provides {' '.join(session.arguments)}.")
    session.out.value(
        [
            {
                "Name": each.name,
                "Arch": each.arch,
                "Evr": split_evr(each.evr)[1],
                "Summary": each.lookup_str(solv.SOLVABLE_SUMMARY) or "",
            }
            for each in found
        ]
    )
    for each in found:
        session.out.line(f"{nevra(each)} : {each.lookup_str(solv.SOLVABLE_SUMMARY) or ''}")
        session.out.line(f"Repo\t : {each.repo.name}")
    return 0
