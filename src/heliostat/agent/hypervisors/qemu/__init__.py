"""Guests as QEMU processes: q35, QMP, qcow2, user-mode network."""

from heliostat.agent.hypervisors.qemu.driver import QemuHypervisor

__all__ = ["QemuHypervisor"]
