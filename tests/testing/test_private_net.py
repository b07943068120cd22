"""The network of a test's own: its addresses are there, and nowhere else."""

from __future__ import annotations

import os

import pytest

from heliostat.core.process import CommandFailed, run
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
