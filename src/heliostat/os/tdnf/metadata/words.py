"""What packages say of themselves, as one text: looking for a word reads it once, from end to end.

libsolv keeps descriptions packed in pages, and unpacking them took half of a search in
60,000 packages.  The file begins with a number, how many packages there are, and where the
words of each begin; then follow name, summary, URL and description of each, in lower case and
divided by zeros, in the repository's order.  It is named by the state of the index, like the
parsed packages beside it.
"""

from __future__ import annotations

import solv

from heliostat.os.tdnf.metadata.cache import keep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from heliostat.os.tdnf.metadata.cache import Cached

TEXTS = (
    solv.SOLVABLE_NAME,
    solv.SOLVABLE_SUMMARY,
    solv.SOLVABLE_URL,
    solv.SOLVABLE_DESCRIPTION,
)
_DIVIDER = b"\0"
_NUMBER = 4


def saying(cached: Cached, repo: solv.Repo, word: str) -> Iterator[solv.XSolvable]:
    """Packages of ``repo`` that say ``word``, whatever the case of its ASCII letters."""
    from array import array
    from bisect import bisect_right

    data, wanted = words_of(cached, repo), word.encode(errors="surrogateescape").lower()
    begins = array("I", data[: _NUMBER * (repo.nsolvables + 1)])
    first = next((each.id for each in repo.solvables_iter()), 0)
    place = begins[1] if repo.nsolvables else len(data)
    while (found := data.find(wanted, place)) >= 0:
        number = bisect_right(begins, found, 1)
        yield repo.pool.id2solvable(first + number - 2)
        if number == len(begins):
            return
        place = begins[number]


def words_of(cached: Cached, repo: solv.Repo) -> bytes:
    """The file's content; made, and kept where there is a right to, if there is none."""
    path, count = cached.solv_path("words"), repo.nsolvables.to_bytes(_NUMBER, "little")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        data = b""
    if data[:_NUMBER] != count:
        data = _made(repo)
        keep(path, lambda file: file.write(data))
    return data


def _made(repo: solv.Repo) -> bytes:
    from array import array

    begins, texts = array("I", [repo.nsolvables]), []
    place = _NUMBER * (repo.nsolvables + 1)
    for each in repo.solvables_iter():
        told = [each.lookup_str(key) or "" for key in TEXTS]
        words = _DIVIDER.join(
            [*(text.encode(errors="surrogateescape") for text in told), b""]
        ).lower()
        begins.append(place)
        texts.append(words)
        place += len(words)
    return begins.tobytes() + b"".join(texts)
