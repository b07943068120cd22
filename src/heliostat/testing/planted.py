"""Programs planted in a copy of an image, where no seed could bring them in before first boot.

For what stands in for hardware that can't be emulated: the image stays as it is, the copy has
one file more, and its first boot is a first boot.  The file system is written without mounting.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from heliostat.core.process import CommandFailed, run

_TIMEOUT_S = 120
_SECTOR_BYTES = 512
_MODE = "0100755"


def with_programs(image: Path, out: Path, programs: Mapping[str, str]) -> Path:
    """A raw copy of ``image`` that has these programs, by their paths."""
    run(["qemu-img", "convert", "-O", "raw", str(image), str(out)], timeout_s=_TIMEOUT_S)
    root = f"{out}?offset={_root_bytes(out)}"
    for number, (path, text) in enumerate(programs.items()):
        source = out.with_name(f"{out.name}.{number}")
        source.write_text(text)
        commands = [f"rm {path}", f"write {source} {path}", f"sif {path} mode {_MODE}"]
        for command in commands:
            _debugfs(root, command)
        if text != _debugfs(root, f"cat {path}"):
            raise AssertionError(f"{path} was not written")
    return out


def _root_bytes(disk: Path) -> int:
    """Where the partition called root begins."""
    told = run(["sfdisk", "--json", str(disk)], timeout_s=_TIMEOUT_S).stdout
    partitions = json.loads(told)["partitiontable"]["partitions"]
    (start,) = (each["start"] for each in partitions if each["name"] == "root")
    return int(start) * _SECTOR_BYTES


def _debugfs(device: str, command: str) -> str:
    try:
        return run(["debugfs", "-w", "-R", command, device], timeout_s=_TIMEOUT_S).stdout
    except CommandFailed as error:
        raise AssertionError(f"debugfs {command}: {error.stderr}") from error
