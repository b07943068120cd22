"""OVF 1.1 envelopes: one machine with one disk and one network, as data of its format says.

Schema: DMTF DSP0243 1.1.  The properties are those that cloud-init's OVF source reads, so
that whoever deploys the appliance can give it a name, keys and user data.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from heliostat.os.image.outputs import Machine

_OVF = "http://schemas.dmtf.org/ovf/envelope/1"
_CIM = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2"
_RASD = f"{_CIM}/CIM_ResourceAllocationSettingData"
_VSSD = f"{_CIM}/CIM_VirtualSystemSettingData"
_VMW = "http://www.vmware.com/schema/ovf"
_STREAM = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"
_LINUX_64 = "101"  # CIM_OperatingSystem.OSType
_PROCESSOR, _MEMORY, _SCSI, _ETHERNET, _DISK, _SATA = 3, 4, 6, 10, 17, 20
_PROPERTIES = {
    "instance-id": "A unique name of this machine; another one makes it configure itself anew.",
    "hostname": "The host name.",
    "public-keys": "SSH public keys of the first user, one a line.",
    "user-data": "cloud-init user data, in base64.",
    "seedfrom": "URL below which cloud-init finds user-data and meta-data.",
}


@dataclass(frozen=True, slots=True)
class Appliance:
    """What an envelope describes."""

    name: str
    summary: str
    machine: Machine
    disk_name: str
    """Of the disk's file beside the envelope."""
    disk_file_bytes: int
    disk_bytes: int
    """Capacity."""


def envelope(appliance: Appliance) -> bytes:
    """The envelope as XML."""
    for prefix, space in (("ovf", _OVF), ("rasd", _RASD), ("vssd", _VSSD), ("vmw", _VMW)):
        ET.register_namespace(prefix, space)
    root = ET.Element(_o("Envelope"))
    references = ET.SubElement(root, _o("References"))
    _add(
        references,
        _o("File"),
        {
            "href": appliance.disk_name,
            "id": "file1",
            "size": str(appliance.disk_file_bytes),
        },
    )
    disks = _section(root, "DiskSection", "The disk")
    capacity = {"capacity": str(appliance.disk_bytes), "capacityAllocationUnits": "byte"}
    named = {"diskId": "disk1", "fileRef": "file1", "format": _STREAM}
    _add(disks, _o("Disk"), {**capacity, **named})
    networks = _section(root, "NetworkSection", "The network")
    network = _add(networks, _o("Network"), {"name": "VM Network"})
    _add(network, _o("Description"), text="The network that the machine is connected to")
    _system(root, appliance)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text + b"\n"


def _system(root: ET.Element, appliance: Appliance) -> None:
    system = _add(root, _o("VirtualSystem"), {"id": appliance.name})
    _add(system, _o("Info"), text=appliance.summary)
    _add(system, _o("Name"), text=appliance.name)
    operating = _section(system, "OperatingSystemSection", "The operating system")
    operating.set(_o("id"), _LINUX_64)
    operating.set(f"{{{_VMW}}}osType", "other4xLinux64Guest")
    _hardware(system, appliance)
    product = _section(system, "ProductSection", "What the first boot configures")
    product.set(_o("required"), "false")
    _add(product, _o("Product"), text=f"Heliostat {appliance.name}")
    for key, description in _PROPERTIES.items():
        told = {"key": key, "type": "string", "userConfigurable": "true", "value": ""}
        _add(_add(product, _o("Property"), told), _o("Description"), text=description)


def _hardware(system: ET.Element, appliance: Appliance) -> None:
    machine = appliance.machine
    section = _section(system, "VirtualHardwareSection", "The virtual hardware")
    section.set(_o("transport"), "iso com.vmware.guestInfo")
    head = _add(section, _o("System"))
    _items(
        head,
        _VSSD,
        {
            "ElementName": "Virtual Hardware Family",
            "InstanceID": "0",
            "VirtualSystemIdentifier": appliance.name,
            "VirtualSystemType": machine.hardware,
        },
    )
    sata = machine.controller == "AHCI"
    rows: list[dict[str, str | int]] = [
        {
            "AllocationUnits": "hertz * 10^6",
            "ElementName": f"{machine.cpus} virtual CPUs",
            "ResourceType": _PROCESSOR,
            "VirtualQuantity": machine.cpus,
        },
        {
            "AllocationUnits": "byte * 2^20",
            "ElementName": f"{machine.memory_mib} MiB of memory",
            "ResourceType": _MEMORY,
            "VirtualQuantity": machine.memory_mib,
        },
        {
            "Address": 0,
            "ElementName": "Disk controller",
            "ResourceSubType": machine.controller,
            "ResourceType": _SATA if sata else _SCSI,
        },
        {
            "AddressOnParent": 0,
            "ElementName": "Disk",
            "HostResource": "ovf:/disk/disk1",
            "Parent": 3,
            "ResourceType": _DISK,
        },
        {
            "AddressOnParent": 7,
            "AutomaticAllocation": "true",
            "Connection": "VM Network",
            "ElementName": "Network card",
            "ResourceSubType": machine.network,
            "ResourceType": _ETHERNET,
        },
    ]
    for number, row in enumerate(rows, start=1):
        values = {key: str(value) for key, value in {**row, "InstanceID": number}.items()}
        # the schema wants the elements of an item in the order of their names
        _items(_add(section, _o("Item")), _RASD, dict(sorted(values.items())))
    _add(
        section,
        f"{{{_VMW}}}Config",
        {"required": "false"},
        more={"key": "firmware", "value": machine.firmware},
    )


def _section(parent: ET.Element, name: str, info: str) -> ET.Element:
    section = _add(parent, _o(name))
    _add(section, _o("Info"), text=info)
    return section


def _items(parent: ET.Element, space: str, values: dict[str, str]) -> None:
    for name, value in values.items():
        _add(parent, f"{{{space}}}{name}", text=value)


def _add(
    parent: ET.Element,
    tag: str,
    attributes: dict[str, str] | None = None,
    *,
    text: str | None = None,
    more: dict[str, str] | None = None,
) -> ET.Element:
    """A child; ``attributes`` are OVF's, ``more`` are VMware's."""
    child = ET.SubElement(parent, tag)
    for name, value in (attributes or {}).items():
        child.set(_o(name), value)
    for name, value in (more or {}).items():
        child.set(f"{{{_VMW}}}{name}", value)
    child.text = text
    return child


def _o(name: str) -> str:
    return f"{{{_OVF}}}{name}"
