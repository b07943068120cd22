"""The harness' own parts that need no guest: the private network and the shell's protocol."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path

import pytest

from heliostat.core.process import CommandFailed, run
from heliostat.testing.insider import Said, ScriptFailed, arguments, insider
from heliostat.testing.private_net import private_net

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@needs_root
def test_a_private_net_has_its_own_addresses_and_no_others() -> None:
    with private_net(["169.254.169.254"]) as net:
        with net.listen("169.254.169.254", 80) as listener:
            listening = run([*net.launcher(), "ss", "-Hltn"], timeout_s=10).stdout
            assert "169.254.169.254:80" in listening
            assert listener.getsockname() == ("169.254.169.254", 80)
        with pytest.raises(CommandFailed):
            run([*net.launcher(), "ip", "route", "get", "192.0.2.1"], timeout_s=10)
    assert "169.254.169.254" not in run(["ip", "address", "show", "lo"], timeout_s=10).stdout


@needs_root
def test_two_private_nets_share_no_port() -> None:
    with private_net() as one, private_net() as two:
        one.listen("127.0.0.1", 80).close()
        first, second = one.listen("127.0.0.1", 443), two.listen("127.0.0.1", 443)
        first.close()
        second.close()


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
