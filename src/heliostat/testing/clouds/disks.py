"""Seeds on disks: NoCloud, ConfigDrive, and the OVF environment of vSphere's ISO transport."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from xml.sax.saxutils import quoteattr

import pycdlib

from heliostat.testing.clouds.contract import Order

_OVF = """\
<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"
 xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id="">
<PlatformSection><Kind>VMware ESXi</Kind><Version>8.0</Version></PlatformSection>
<PropertySection>
{properties}
</PropertySection>
</Environment>
"""


def nocloud(path: Path, order: Order, network: str = "") -> Path:
    """A NoCloud seed; ``network`` is a network configuration of version 2."""
    metadata = f"instance-id: {order.instance_id}\nlocal-hostname: {order.hostname}\n"
    metadata += f"public-keys: [{order.public_key!r}]\n"
    files = {"meta-data": metadata, "user-data": order.user_data}
    return volume(path, "cidata", files | ({"network-config": network} if network else {}))


def ovf_environment(order: Order) -> str:
    """The document that vSphere hands to an appliance with these properties."""
    properties = {
        "instance-id": order.instance_id,
        "hostname": order.hostname,
        "public-keys": order.public_key,
        "user-data": base64.b64encode(order.user_data.encode()).decode(),
    }
    told = (
        f"<Property oe:key={quoteattr(k)} oe:value={quoteattr(v)}/>" for k, v in properties.items()
    )
    return _OVF.format(properties="\n".join(told))


def udf_volume(path: Path, label: str, files: Mapping[str, str]) -> Path:
    """A CD that is taken for UDF: ISO 9660 beside it, as discs for both kinds of readers are."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, udf="2.60", vol_ident=label)
    for number, (name, text) in enumerate(files.items()):
        data = text.encode()
        iso.add_fp(io.BytesIO(data), len(data), f"/FILE{number}.;1", udf_path=f"/{name}")
    iso.write(str(path))
    iso.close()
    return path


def volume(path: Path, label: str, files: Mapping[str, str]) -> Path:
    """An ISO 9660 image with Rock Ridge and Joliet names."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=4, joliet=3, rock_ridge="1.09", vol_ident=label)
    made: set[PurePosixPath] = set()
    for name, text in files.items():
        for folder in reversed(PurePosixPath(name).parents[:-1]):
            if folder not in made:
                made.add(folder)
                iso.add_directory(f"/{folder}", rr_name=folder.name, joliet_path=f"/{folder}")
        data = text.encode()
        base = PurePosixPath(name).name
        iso.add_fp(io.BytesIO(data), len(data), f"/{name}", rr_name=base, joliet_path=f"/{name}")
    iso.write(str(path))
    iso.close()
    return path
