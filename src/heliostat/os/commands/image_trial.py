"""``helio os image test``: start an image, and judge it by the gates that need it running."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heliostat.core.counting import counted
from heliostat.os.commands.options import images_folder, out_option, output_option
from heliostat.os.commands.verdict_print import exit_by, print_verdicts, told_verdicts

if TYPE_CHECKING:
    from heliostat.os.guest.trial import Report
    from heliostat.os.image.built import BuiltImage

_STARTABLE = ("qcow2", "raw", "ami", "vmdk", "azure")


@click.command(
    name="test",
    help="Start IMAGE (an edition, the start of an identity, or a disk's file) and judge it "
    "running: units, journal, identity, containers. It has no network. Exit code 1: a gate failed.",
)
@click.argument("image", default="minimal")
@click.option("--firmware", type=click.Choice(["bios", "uefi"]), default="bios", show_default=True)
@click.option("--bus", type=click.Choice(["virtio", "nvme"]), default="virtio", show_default=True)
@click.option(
    "--accelerator",
    type=click.Choice(["auto", "kvm", "tcg"]),
    default="auto",
    show_default=True,
    envvar="HELIO__AGENT__ACCELERATOR",
    help="auto: KVM, and emulation where that does nothing.",
)
@click.option("--memory", default=1024, show_default=True, help="Memory in MiB.")
@click.option("--cpus", default=2, show_default=True, help="Processors.")
@click.option("--timeout", default=900, show_default=True, help="Seconds that all of it may take.")
@out_option
@output_option
def test_image(
    image: str,
    firmware: str,
    bus: str,
    accelerator: str,
    memory: int,
    cpus: int,
    timeout: int,
    out_dir: Path | None,
    output: str,
) -> None:
    from heliostat.os.guest.qemu import Accelerator, Bus, Firmware, Hardware
    from heliostat.os.guest.trial import Wish, try_image
    from heliostat.os.monitor import monitor_for

    wish = Wish(
        hardware=Hardware(firmware=Firmware(firmware), bus=Bus(bus), memory_mib=memory, cpus=cpus),
        accelerator=None if accelerator == "auto" else Accelerator(accelerator),
        timeout_s=timeout,
    )
    built, disk = _disk(image, out_dir)
    report = asyncio.run(try_image(disk, wish, monitor_for(sys.stderr)))
    if built is not None:
        _note(built, report)
    if output == "json":
        told = {
            "image": str(report.image),
            "accelerator": report.hardware.accelerator,
            "firmware": firmware,
            "bus": bus,
            "seconds": round(report.seconds, 1),
            "passed": report.passed,
            "gates": told_verdicts(report.verdicts),
        }
        click.echo(json.dumps(told, indent=2))
    else:
        print_verdicts(report.verdicts)
        failed = sum(not each.passed for each in report.verdicts)
        told_in_all = f"{counted(failed, 'gate')} FAILED" if failed else "every gate passed"
        click.echo(f"{report.image}: {told_in_all}, in {report.seconds:.0f} s.")
    exit_by(report.verdicts)


def _note(built: BuiltImage, report: Report) -> None:
    from heliostat.os.image.tested import note_trial

    hardware = report.hardware
    machine = f"{hardware.accelerator}, {hardware.firmware}, {hardware.bus}"
    failed = [f"{each.gate}: {each.reason}" for each in report.verdicts if not each.passed]
    note_trial(built, report.image, machine, failed)


def _disk(image: str, out_dir: Path | None) -> tuple[BuiltImage | None, Path]:
    """The file to start: as named, or of an image that was built."""
    from heliostat.core.errors import HeliostatError
    from heliostat.os.image.built import find_image

    if Path(image).is_file():
        return None, Path(image)
    built = find_image(images_folder(out_dir), image)
    files = built.files()
    for kind in _STARTABLE:
        if kind in files:
            return built, files[kind]
    raise HeliostatError(
        "NotASystem",
        f"None of the files of {built.name} {built.release} can be started.",
        hint=f"Build it as a disk: `helio os image build {built.name} --format qcow2`.",
    )
