"""The kernel's way from options to a package, with a tree that only acts as a kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.monitor import SilentMonitor
from heliostat.os.packages.build.input_file import Input
from heliostat.os.packages.build.kernel import (
    KernelSettings,
    Materials,
    compile_kernel,
    configure,
)
from heliostat.os.packages.build.kernel_package import CompiledKernel, kernel_package
from heliostat.os.packages.build.modules import ModuleKey, module_key
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.builds import HOST, kernel_source
from heliostat.testing.rpms import signer

SETTINGS = KernelSettings("linux-tiny", "linux-source-tiny", (), ("a.config",))
PATCH = "--- a/init.c\n+++ b/init.c\n@@ -1 +1 @@\n-wait();\n+go();\n"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Input:
    return Input.of(kernel_source(tmp_path_factory.mktemp("source")), "source.deb")


def materials(
    folder: Path,
    source: Input,
    key: ModuleKey,
    fragment: str = "CONFIG_SMP=y\n",
    settings: KernelSettings = SETTINGS,
) -> Materials:
    (folder / "a.config").write_text(fragment)
    return Materials(settings, folder, source, "6.1.0", HOST, key.certificate_pem)


def test_a_refused_option_ends_it_before_anything_is_compiled(
    tmp_path: Path, source: Input, key: ModuleKey
) -> None:
    asked = materials(tmp_path, source, key, "CONFIG_SMP=y\nCONFIG_UNKNOWN=y\n")
    with pytest.raises(HeliostatError, match="1 of 2 kernel options are not granted") as refused:
        compile_kernel(asked, tmp_path)
    assert refused.value.data["refused"] == ["CONFIG_UNKNOWN=y (a.config): not there"]
    assert not list(tmp_path.glob("builds/kept/*/objects/compilations"))


def test_a_fragment_with_a_fault_is_named_with_its_line(
    tmp_path: Path, source: Input, key: ModuleKey
) -> None:
    with pytest.raises(HeliostatError, match=r"a\.config: line 1: .* is neither"):
        configure(materials(tmp_path, source, key, "SMP=y\n"), tmp_path, SilentMonitor())


def test_the_package_has_kernel_options_and_signed_modules(
    tmp_path: Path, source: Input, key: ModuleKey
) -> None:
    built = compile_kernel(materials(tmp_path, source, key), tmp_path)
    kernel = CompiledKernel.of(built)
    package = kernel_package(kernel, SETTINGS, key, "6.1.0", "1.1")
    path = write(package, tmp_path, signer=signer()).path
    listed = run(["rpm", "-qpl", str(path)], timeout_s=60).stdout.split()
    base = "/usr/lib/modules/6.1.0-tiny"
    assert {f"{base}/{name}" for name in ("vmlinuz", "config", "kernel/tiny.ko.zst")} <= set(listed)
    provided = run(["rpm", "-qp", "--provides", str(path)], timeout_s=60).stdout
    assert "kernel-uname-r = 6.1.0-tiny" in provided
    assert b"kernel of builder" in (kernel.folder / "vmlinuz").read_bytes()


def test_changed_options_keep_the_objects(tmp_path: Path, source: Input, key: ModuleKey) -> None:
    compile_kernel(materials(tmp_path, source, key), tmp_path)
    compile_kernel(materials(tmp_path, source, key, "CONFIG_PCI=y\n"), tmp_path)
    (counted,) = tmp_path.glob("builds/kept/*/objects/compilations")
    assert counted.read_text() == "compiled\n" * 2


def test_a_kernel_trusts_the_key_that_signs_its_modules_though_it_is_older_than_the_objects(
    tmp_path: Path, source: Input, key: ModuleKey
) -> None:
    other = module_key(tmp_path / "other")
    compile_kernel(materials(tmp_path, source, key), tmp_path)
    for path in (tmp_path / "builds" / "kept").glob("*/objects/certs/*"):
        os.utime(path, (2**32, 2**32))
    built = CompiledKernel.of(compile_kernel(materials(tmp_path, source, other), tmp_path))
    assert built.trusted == other.certificate_der
    with pytest.raises(HeliostatError, match="trusts another key"):
        kernel_package(built, SETTINGS, key, "6.1.0", "1.1")


def test_a_patch_is_applied_and_begins_anew(tmp_path: Path, source: Input, key: ModuleKey) -> None:
    compile_kernel(materials(tmp_path, source, key), tmp_path)
    (tmp_path / "go.patch").write_text(PATCH)
    patched = KernelSettings("linux-tiny", "linux-source-tiny", (), ("a.config",), ("go.patch",))
    compile_kernel(materials(tmp_path, source, key, settings=patched), tmp_path)
    (kept,) = (path for path in tmp_path.glob("builds/kept/*") if path.is_dir())
    assert (kept / "source" / "init.c").read_text() == "go();\n"
    assert (kept / "objects" / "compilations").read_text() == "compiled\n"


def test_built_twice_it_is_the_same_to_the_byte(
    tmp_path: Path, source: Input, key: ModuleKey
) -> None:
    packages = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        built = compile_kernel(materials(tmp_path / name, source, key), tmp_path / name)
        package = kernel_package(CompiledKernel.of(built), SETTINGS, key, "6.1.0", "1.1")
        packages.append(write(package, tmp_path / name, signer=signer()).path.read_bytes())
    assert packages[0] == packages[1]


def test_the_build_never_sees_the_private_key(
    tmp_path: Path, source: Input, key: ModuleKey
) -> None:
    built = compile_kernel(materials(tmp_path, source, key), tmp_path)
    assert "PRIVATE" not in key.certificate_pem.decode()
    inputs = (tmp_path / "builds" / "inputs").glob("*")
    assert all(b"PRIVATE" not in path.read_bytes() for path in inputs)
    assert b"module-signing.pem" in built.provenance.read_bytes()
