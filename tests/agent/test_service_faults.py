"""What fails once is tried again, what fails for good is told; questions are answered."""

from __future__ import annotations

from heliostat.agentlink.messages import GuestState
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.testing.agent_site import MAC, Site


async def test_temporary_failures_are_tried_again(site: Site) -> None:
    site.host.fail_next("start", TemporaryError("HypervisorFailed", "busy", retry_after_s=0.01))
    async with site.agent():
        found = await site.settled(site.vm())
        assert (found.state, found.fault) == (GuestState.RUNNING, None)


async def test_permanent_failures_settle_with_their_fault_until_the_next_wish(site: Site) -> None:
    site.host.fail_next("start", HeliostatError("HypervisorFailed", "no such machine"))
    async with site.agent():
        found = await site.settled(site.vm())
        assert found.fault is not None
        assert (found.fault.permanent, found.state) == (True, GuestState.STOPPED)
        found = await site.settled(site.vm())
        assert (found.fault, found.state) == (None, GuestState.RUNNING)


async def test_requests_are_answered(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm())
        ask = site.controller.ask
        (site.home / "vms" / "v1" / "serial.log").write_text("one two three")
        assert (await ask("vm.log", {"vm": "v1", "tail_bytes": 5})).result == {"text": "three"}
        networks = (await ask("vm.networks", {"vm": "v1"})).result["networkConnections"]
        assert networks[0]["macAddress"] == MAC
        assert networks[0]["isConnected"] == "True"
        samples: list[dict[str, object]] = []
        while not samples:
            samples = (await ask("vm.stats", {"vm": "v1"})).result["samples"]
        assert samples[0]["memory_rss_mib"] == 1.0
        assert (await ask("host.stats", {})).result["samples"][0]["memory_total_mib"] > 0
        for method, params, code in (
            ("vm.log", {"vm": "../../etc"}, "VmNotFound"),
            ("dance", {}, "NotImplemented"),
            ("tunnel", {"vm": "v1", "kind": "port", "port": 0, "ticket": "t"}, "InvalidEntity"),
            ("tunnel", {"vm": "v1", "kind": "port", "port": 99, "ticket": "t"}, "GuestUnreachable"),
        ):
            fault = (await ask(method, params)).fault
            assert fault is not None
            assert fault.code == code


async def test_one_console_at_a_time(site: Site) -> None:
    async with site.agent():
        await site.settled(site.vm())
        ask = site.controller.ask
        serial = {"vm": "v1", "kind": "serial"}
        assert (await ask("tunnel", {**serial, "ticket": "one"})).fault is None
        tunnel = site.controller.tunnels["one"]
        await tunnel.write(b"hello")
        assert await tunnel.read() == b"hello"
        fault = (await ask("tunnel", {**serial, "ticket": "two"})).fault
        assert fault is not None
        assert fault.code == "ConsoleInUse"
        await tunnel.close()
        while (await ask("tunnel", {**serial, "ticket": "three"})).fault is not None:
            pass


async def test_the_agent_says_what_the_host_has(site: Site) -> None:
    async with site.agent():
        await site.controller.until(lambda: bool(site.controller.hellos))
    facts = site.controller.hellos[0].facts
    assert facts.hypervisor == "simulated"
    assert facts.cpu_count > 0
    assert facts.disk_free_bytes > 0
