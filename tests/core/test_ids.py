"""Identifiers: well-formed, and none of them twice, whichever thread draws them."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from heliostat.core.ids import DRAWN, SystemIds


def test_identifiers_are_uuids_of_version_4() -> None:
    ids = SystemIds()
    for text in (ids.new_id() for _ in range(2 * DRAWN + 1)):
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)


def test_no_identifier_is_drawn_twice() -> None:
    ids = SystemIds()
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda _: ids.new_id(), range(20 * DRAWN)))
    assert len(set(drawn)) == len(drawn)
