"""Which program makes the accounts that packages bring."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rpm

from heliostat.os.tdnf.change.words import settle_accounts

NAME = "__systemd_sysusers"


@pytest.fixture
def macro() -> Iterator[None]:
    """Whatever a test sets it to is gone afterwards."""
    before = rpm.expandMacro(f"%{{?{NAME}}}")
    yield
    rpm.delMacro(NAME)
    while rpm.expandMacro(f"%{{?{NAME}}}") != before:
        rpm.delMacro(NAME)


@pytest.mark.usefixtures("macro")
def test_a_program_that_is_not_there_is_not_asked() -> None:
    rpm.addMacro(NAME, "/usr/lib/rpm/no-such-program")
    settle_accounts()
    assert rpm.expandMacro(f"%{{?{NAME}}}") in ("", "/usr/bin/systemd-sysusers")


@pytest.mark.usefixtures("macro")
def test_a_program_that_is_there_stays() -> None:
    rpm.addMacro(NAME, "/bin/sh")
    settle_accounts()
    assert rpm.expandMacro(f"%{{?{NAME}}}") == "/bin/sh"
