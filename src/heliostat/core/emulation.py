"""How QEMU is told to run a guest: with the processor's help, or emulating all of it.

Shared by whoever starts guests: agents for their tenants, the operating system's builder to
look at what it built.
"""

from __future__ import annotations

# QEMU before 8.0 emulates cmpxchg16b with flags of an earlier instruction: when an interrupt
# comes right after it, the kernel goes on with single-stepping or reversed strings switched on.
# Linux's allocator uses it where it is there: guests' kernels died of it now and then.
EMULATED_CPU = "max,-cx16"

# All of a guest's processors take turns in one thread.  With a thread each, one may run code that
# another is rewriting, and meet the breakpoint that Linux sets there meanwhile when nobody knows
# of it any more: kernels died of "Oops: int3" in sched_clock_cpu, as those of MPTCP's developers
# did elsewhere.  Guests without KVM are for development: boots that never die are worth more to
# them than a second processor.
_THREADS = "single"


def accelerator_options(accelerator: str, *, translated_mib: int = 128) -> list[str]:
    """For ``kvm`` or ``tcg``; ``translated_mib`` bounds the cache of translated code.

    With QEMU's own bound a guest of 400 MB takes 709.
    """
    if accelerator == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", f"tcg,thread={_THREADS},tb-size={translated_mib}", "-cpu", EMULATED_CPU]
