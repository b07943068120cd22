"""Kernel options: what was asked for is what was granted, or the difference is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.os.data import load
from heliostat.os.image.distro import locate_distro
from heliostat.os.packages.build.kernel import KernelSettings
from heliostat.os.packages.build.options import differences, merged, parse

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True)
VALUES = st.sampled_from(["y", "m", "n", "250", '"-virt"'])

# What is asked of the kernel, by what it is for.
WANTED = {
    "no preemption": {"PREEMPT_NONE": "y", "PREEMPT_DYNAMIC": "n"},
    "250 Hz, idle tickless": {"HZ_250": "y", "NO_HZ_IDLE": "y"},
    "no groups by terminal": {"SCHED_AUTOGROUP": "n"},
    "huge pages always": {"TRANSPARENT_HUGEPAGE_ALWAYS": "y"},
    "stolen time is counted": {"PARAVIRT_TIME_ACCOUNTING": "y"},
    "paravirtual clocks": {"KVM_GUEST": "y", "PARAVIRT_CLOCK": "y", "PTP_1588_CLOCK_KVM": "y"},
    "no scheduler of disks": {
        "MQ_IOSCHED_DEADLINE": "n",
        "MQ_IOSCHED_KYBER": "n",
        "IOSCHED_BFQ": "n",
    },
    "no power management": {"SUSPEND": "n", "HIBERNATION": "n", "CPU_FREQ": "n"},
    "no laptop's ACPI": {"ACPI_AC": "n", "ACPI_BATTERY": "n", "ACPI_FAN": "n", "ACPI_DOCK": "n"},
    "signed modules": {"MODULE_SIG": "y", "MODULE_SIG_SHA512": "y"},
    "virtio": dict.fromkeys(
        (
            *("VIRTIO_PCI", "VIRTIO_BLK", "VIRTIO_NET", "SCSI_VIRTIO", "VIRTIO_CONSOLE"),
            *("VIRTIO_BALLOON", "HW_RANDOM_VIRTIO", "VIRTIO_FS", "VIRTIO_VSOCKETS"),
        ),
        "y",
    ),
    "other clouds": dict.fromkeys(
        (
            *("BLK_DEV_NVME", "VMXNET3", "VMWARE_PVSCSI", "HYPERV_STORAGE", "HYPERV_NET"),
            *("XEN_BLKDEV_FRONTEND", "XEN_NETDEV_FRONTEND", "ENA_ETHERNET", "GVE"),
        ),
        "y",
    ),
    "what users missed elsewhere": {
        **dict.fromkeys(("ISCSI_TCP", "NVME_TCP", "WIREGUARD", "IP_VS"), "m"),
        "NF_TABLES": "y",
    },
    "containers": dict.fromkeys(
        ("OVERLAY_FS", "VETH", "BRIDGE", "MEMCG", "SECCOMP_FILTER", "USER_NS", "BPF_SYSCALL"), "y"
    ),
}


@pytest.fixture(scope="module")
def asked() -> dict[str, tuple[str, str]]:
    """The shipped fragments."""
    folder = locate_distro() / "kernel"
    settings = load(folder / "kernel.yaml", KernelSettings)
    return merged((name, parse((folder / name).read_text())) for name in settings.fragments)


@pytest.mark.parametrize("purpose", WANTED)
def test_the_shipped_fragments_ask_for_it(purpose: str, asked: dict[str, tuple[str, str]]) -> None:
    for name, value in WANTED[purpose].items():
        assert asked[name][0] == value, name


def test_every_patch_and_fragment_is_used() -> None:
    folder = locate_distro() / "kernel"
    settings = load(folder / "kernel.yaml", KernelSettings)
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    used = {*settings.fragments, *settings.patches, "kernel.yaml", "README.md"}
    assert there == used


def test_an_option_that_is_dropped_is_told_with_its_file_and_the_nearest_name() -> None:
    asked = merged([("a.config", parse("CONFIG_RANDOM_TRUST_CPUS=y\n"))])
    (found,) = differences(asked, {"RANDOM_TRUST_CPU": "y"})
    assert str(found) == (
        "CONFIG_RANDOM_TRUST_CPUS=y (a.config): not there; did you mean CONFIG_RANDOM_TRUST_CPU"
    )


def test_an_option_switched_on_by_others_is_told() -> None:
    asked = merged([("a.config", parse("# CONFIG_SLUB_TINY is not set\n"))])
    assert [str(each) for each in differences(asked, parse("CONFIG_SLUB_TINY=y\n"))] == [
        "CONFIG_SLUB_TINY=n (a.config): y"
    ]


def test_the_traps_that_others_fell_into_are_found() -> None:
    """Asked on top of a "tiny" configuration: none is granted, and make says nothing."""
    names = ("BASE_FULL", "SQUASHFS", "SLAB_FREELIST_RANDOM", "SMP")
    fragment = "".join(f"CONFIG_{name}=y\n" for name in names)
    granted = "CONFIG_SLUB_TINY=y\nCONFIG_BASE_SMALL=y\nCONFIG_SMP=y\n"
    found = differences(merged([("virt.config", parse(fragment))]), parse(granted))
    assert [each.name for each in found] == list(names[:3])


def test_a_module_instead_of_built_in_is_a_difference() -> None:
    (found,) = differences({"VIRTIO_BLK": ("y", "f")}, {"VIRTIO_BLK": "m"})
    assert found.granted == "m"


def test_off_and_not_there_are_the_same() -> None:
    assert differences({"CPU_FREQ": ("n", "f")}, {}) == []


def test_fragments_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"CONFIG_PM is y in a, n in b"):
        merged([("a", {"PM": "y"}), ("b", {"PM": "n"})])


def test_a_line_that_is_no_option_is_refused_with_its_number() -> None:
    with pytest.raises(ValueError, match=r"line 2: 'CONFIG_SMP y' is neither"):
        parse("CONFIG_PCI=y\nCONFIG_SMP y\n")


@given(st.dictionaries(NAMES, VALUES))
def test_what_is_granted_as_asked_makes_no_difference(wanted: dict[str, str]) -> None:
    asked = {name: (value, "f") for name, value in wanted.items()}
    text = "".join(
        f"# CONFIG_{name} is not set\n" if value == "n" else f"CONFIG_{name}={value}\n"
        for name, value in wanted.items()
    )
    assert parse(text) == wanted
    assert differences(asked, parse(text)) == []


@given(st.dictionaries(NAMES, VALUES, min_size=1), st.data())
def test_any_single_change_is_found(wanted: dict[str, str], data: st.DataObject) -> None:
    asked = {name: (value, "f") for name, value in wanted.items()}
    name = data.draw(st.sampled_from(sorted(wanted)))
    other = data.draw(VALUES.filter(lambda value: value != wanted[name]))
    assert [each.name for each in differences(asked, {**wanted, name: other})] == [name]


def test_docker_finds_what_it_needs(asked: dict[str, tuple[str, str]]) -> None:
    """The "generally necessary" part of docker's contrib/check-config.sh."""
    needed = (
        "NAMESPACES NET_NS PID_NS IPC_NS UTS_NS CGROUPS CGROUP_CPUACCT CGROUP_DEVICE "
        "CGROUP_FREEZER CGROUP_SCHED CPUSETS MEMCG KEYS VETH BRIDGE BRIDGE_NETFILTER "
        "IP_NF_FILTER IP_NF_MANGLE IP_NF_TARGET_MASQUERADE IP6_NF_FILTER IP6_NF_MANGLE "
        "IP6_NF_TARGET_MASQUERADE NETFILTER_XT_MATCH_ADDRTYPE NETFILTER_XT_MATCH_CONNTRACK "
        "NETFILTER_XT_MATCH_IPVS NETFILTER_XT_MARK IP_NF_RAW IP_NF_NAT NF_NAT IP6_NF_RAW "
        "IP6_NF_NAT POSIX_MQUEUE CGROUP_BPF"
    )
    assert [name for name in needed.split() if asked.get(name, ("n", ""))[0] not in "ym"] == []


def test_fragments_are_found_from_an_installed_package_too() -> None:
    assert (Path(locate_distro()) / "kernel" / "kernel.yaml").is_file()
