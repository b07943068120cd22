"""How guests are emulated."""

from __future__ import annotations

from heliostat.core.emulation import accelerator_options


def test_processors_that_are_emulated_take_turns() -> None:
    """With a thread each, kernels that patch their own code die now and then."""
    accelerator = accelerator_options("tcg")[1]
    assert "thread=single" in accelerator.split(",")


def test_kvm_runs_the_hosts_processor() -> None:
    assert accelerator_options("kvm") == ["-accel", "kvm", "-cpu", "host"]
