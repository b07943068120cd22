"""Only one process of a role uses a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.server.role_lock import role_lock


def test_the_second_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with role_lock(tmp_path, "agent"), role_lock(tmp_path, "controller"):
        with pytest.raises(HeliostatError) as raised, role_lock(tmp_path, "agent"):
            pytest.fail("two agents in one folder")
        assert raised.value.code == "AlreadyRunning"
        assert str(tmp_path) in raised.value.message
    with role_lock(tmp_path, "agent"):
        pass
