"""Kernels that die: what their consoles say of it, and that nobody goes on waiting for them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from heliostat.cli.main import run as helio
from heliostat.core.units import MIB
from heliostat.os.guest.insider import KernelPanicked, insider
from heliostat.os.guest.panic import last_words, watched
from heliostat.os.image import disk, ext4
from heliostat.os.image.tiny import build_tiny
from heliostat.testing.bootable import guest

pytestmark = pytest.mark.timeout(300)

# Nobody who waits this long passes
FOREVER_S = 290.0

INT3 = """\
[    2.501] Loading compiled-in X.509 certificates\r
[    2.534] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\r
[    2.535] CPU: 1 UID: 0 PID: 0 Comm: swapper/1 Not tainted 6.12.117-cloud-amd64 #1\r
[    2.536] RIP: 0010:sched_clock_cpu+0x7/0x1a0\r
[    2.540] Kernel panic - not syncing: Fatal exception in interrupt\r
[    2.541] Rebooting in 10 seconds..\r
"""
NO_ROOT = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"


@pytest.mark.parametrize(
    ("console", "words"),
    [
        ("[    1.1] all is well\r\n", None),
        ("[    1.1] Kernel panic - not syncing: Attem", None),
        (f"[    1.1] {NO_ROOT}\r\n[    1.2] CPU: 0\r\n", NO_ROOT),
        (
            INT3,
            "Kernel panic - not syncing: Fatal exception in interrupt"
            " (Oops: int3: 0000 [#1] PREEMPT SMP NOPTI in sched_clock_cpu+0x7/0x1a0)",
        ),
    ],
)
def test_a_panic_is_told_with_the_fault_before_it(console: str, words: str | None) -> None:
    assert last_words(console) == words


async def test_who_waits_for_a_script_is_told_that_the_kernel_has_died(tmp_path: Path) -> None:
    place, console = tmp_path / "insider", [""]
    async with insider(place) as shell, watched(shell, lambda: "".join(console)):
        reader, writer = await asyncio.open_unix_connection(str(place))
        writer.write(b"ready\n")
        await shell.ready(timeout_s=5)
        asked = asyncio.create_task(shell.ask("sleep 1000", timeout_s=FOREVER_S))
        await reader.readline()
        console.append(INT3)
        with pytest.raises(KernelPanicked, match="in sched_clock_cpu"):
            await asked
        with pytest.raises(KernelPanicked, match="in sched_clock_cpu"):
            await shell.ask("true", timeout_s=FOREVER_S)
        writer.close()
        await writer.wait_closed()


async def test_a_guest_that_hangs_up_as_its_kernel_dies_has_died(tmp_path: Path) -> None:
    """QEMU ends when a kernel that panicked starts anew: the line may end before the console."""
    place, console = tmp_path / "insider", [""]
    async with insider(place) as shell, watched(shell, lambda: "".join(console)):
        _, writer = await asyncio.open_unix_connection(str(place))
        ready = asyncio.create_task(shell.ready(timeout_s=FOREVER_S))
        writer.close()
        await writer.wait_closed()
        console.append(INT3)
        with pytest.raises(KernelPanicked, match="Fatal exception"):
            await ready


@pytest.mark.qemu
async def test_a_kernel_without_a_root_is_not_waited_for(cache: Path, tmp_path: Path) -> None:
    """It would stand still for good: nothing tells it to start anew."""
    tiny = build_tiny(cache)
    options = tiny.kernel_options.replace("panic=-1", "panic=0")
    kernel = ("-kernel", str(tiny.kernel), "-append", options, "-m", "192")
    async with guest(tmp_path, kernel) as machine:
        with pytest.raises(AssertionError, match=r"kernel died: Kernel panic .* Unable to mount"):
            await machine.wait_for("never said", timeout_s=FOREVER_S)
        with pytest.raises(AssertionError, match=r"kernel died: Kernel panic .* Unable to mount"):
            await machine.exit_code(timeout_s=FOREVER_S)


@pytest.mark.qemu
@pytest.mark.parametrize("after", ["0", "-1"], ids=["stands-still", "starts-anew"])
def test_an_image_whose_kernel_dies_fails_its_trial_at_once(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], after: str
) -> None:
    image = tmp_path / "rootless.raw"
    _disk_without_a_root(cache, image, f"panic={after}")
    options = ["--accelerator", "tcg", "--timeout", f"{FOREVER_S:.0f}", "-o", "json"]
    assert helio(["os", "image", "test", str(image), *options]) == 1
    told = json.loads(capsys.readouterr().out)
    (boot,) = told["gates"]
    assert NO_ROOT in boot["reason"]
    assert any(NO_ROOT in line for line in boot["evidence"])


def _disk_without_a_root(cache: Path, out: Path, when_it_dies: str) -> None:
    tiny = build_tiny(cache)
    root = out.parent / "root"
    (root / "boot" / "grub").mkdir(parents=True)
    (root / "vmlinuz").write_bytes(tiny.kernel.read_bytes())
    options = tiny.kernel_options.replace("panic=-1", when_it_dies)
    (root / "boot" / "grub" / "grub.cfg").write_text(f"linux /vmlinuz {options}\nboot\n")
    layout = disk.Layout("rootless", ext4.size_for(root, 8 * MIB), "tiny", 1_767_225_600)
    disk.assemble(disk.Content(root), layout, out, out.parent)
