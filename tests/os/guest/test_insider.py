"""The shell inside of a guest: its protocol, with this process as the guest."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from heliostat.os.guest.insider import Said, ScriptFailed, arguments, insider


async def test_scripts_are_answered_in_turn_and_a_late_answer_is_passed_over(
    tmp_path: Path,
) -> None:
    place = tmp_path / "insider"
    async with insider(place) as shell:
        reader, writer = await asyncio.open_unix_connection(str(place))
        writer.write(b"ready\n")
        await shell.ready(timeout_s=5)
        with pytest.raises(ScriptFailed, match="no end within"):
            await shell.ask("sleep 9", timeout_s=0.05)
        asked = asyncio.create_task(shell.ask("hostname"))
        lines = [await reader.readline(), await reader.readline()]
        assert [base64.b64decode(each.split()[1]) for each in lines] == [b"sleep 9", b"hostname"]
        writer.write(b"1 0 + +\n2 3 +" + base64.b64encode(b"mirror-8\n") + b" +\n")
        assert await asked == Said(3, "mirror-8\n", "")
        writer.close()
        await writer.wait_closed()


async def test_a_guest_that_ends_is_told_from_one_that_is_slow(tmp_path: Path) -> None:
    place = tmp_path / "insider"
    async with insider(place) as shell:
        with pytest.raises(ScriptFailed, match="took no script within"):
            await shell.ready(timeout_s=0.05)
        _, writer = await asyncio.open_unix_connection(str(place))
        writer.close()
        with pytest.raises(ScriptFailed, match="ended before"):
            await shell.ready(timeout_s=5)


def test_the_shell_comes_in_by_credentials_alone(tmp_path: Path) -> None:
    told = arguments(tmp_path / "s")
    units = [each for each in told if "io.systemd.credential.binary:systemd.extra-unit." in each]
    assert len(units) == 1
    assert not [each for each in told if each == "-kernel"]
