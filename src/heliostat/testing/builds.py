"""Things to build in a second: a source package, a spec file, and a tree that acts as a kernel.

They are built in the test machine's own system, seen read-only: what a real root is made of
comes from an archive, which quick tests don't ask.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

from heliostat.core.process import run
from heliostat.os.packages.build.recipe import Limits, Recipe
from heliostat.os.packages.build.root import BuildRoot

HOST = BuildRoot(Path("/"), ("host=1",))
"""The test machine as a build root."""

SOURCE_DATE = 1_767_225_600

PROGRAM = """\
#include <stdio.h>
#include <string.h>
int main(int count, char **words) {
    char name[32];
    strcpy(name, count > 1 ? words[1] : "world");
    printf("hello %s\\n", name);
    return 0;
}
"""

_CONTROL = """\
Source: hello
Section: misc
Priority: optional
Maintainer: Tests <tests@example.invalid>
Rules-Requires-Root: no
Standards-Version: 4.6.2

Package: hello
Architecture: any
Description: says hello
"""
_CHANGELOG = """\
hello (1.0-1) unstable; urgency=low

  * First.

 -- Tests <tests@example.invalid>  Thu, 01 Jan 2026 00:00:00 +0000
"""
_RULES = """\
#!/usr/bin/make -f
export DEB_CFLAGS_MAINT_APPEND := -fPIE
include /usr/share/dpkg/buildflags.mk
build build-arch build-indep:
	gcc $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -pie -o hello hello.c
	strip hello
binary binary-arch: build
	mkdir -p debian/hello/DEBIAN debian/hello/usr/bin
	install -m755 hello debian/hello/usr/bin/hello
	dpkg-gencontrol -phello -Pdebian/hello
	find debian/hello -exec touch -h -d @$(SOURCE_DATE_EPOCH) {} +
	dpkg-deb --root-owner-group --build debian/hello ..
binary-indep:
clean:
	rm -rf hello debian/hello debian/files
"""
SPEC = """\
Name: hello
Version: 1.0
Release: 1%{?dist}
Summary: says hello
License: Apache-2.0
Source0: https://example.invalid/hello.c

%description
Says hello.

%build
gcc %{optflags} %{build_ldflags} -pie -o hello %{SOURCE0}
strip hello

%install
install -D -m755 hello %{buildroot}/usr/bin/hello

%files
/usr/bin/hello

%changelog
* Thu Jan 01 2026 Tests <tests@example.invalid> - 1.0-1
- First.
"""
_KERNEL_MAKEFILE = """\
O ?= .
allnoconfig:
	@mkdir -p $(O)
	@grep -v UNKNOWN $(KCONFIG_ALLCONFIG) > $(O)/.config || true
olddefconfig:
	@test -e $(O)/.config
$(O)/certs/x509_certificate_list: /in/module-signing.pem
	@mkdir -p $(O)/certs
	@openssl x509 -in $< -outform DER -out $@
bzImage: $(O)/certs/x509_certificate_list
	@mkdir -p $(O)/arch/x86/boot
	@echo kernel of $(KBUILD_BUILD_USER) at $(KBUILD_BUILD_TIMESTAMP) > $(O)/arch/x86/boot/bzImage
	@cat $(O)/.config >> $(O)/arch/x86/boot/bzImage
	@echo symbols > $(O)/System.map
modules:
	@echo compiled >> $(O)/compilations
	@echo module > $(O)/tiny.ko
modules_install:
	@mkdir -p $(INSTALL_MOD_PATH)/lib/modules/6.1.0-tiny/kernel
	@cp $(O)/tiny.ko $(INSTALL_MOD_PATH)/lib/modules/6.1.0-tiny/kernel/
	@echo kernel/tiny.ko > $(INSTALL_MOD_PATH)/lib/modules/6.1.0-tiny/modules.order
kernelrelease:
	@echo 6.1.0-tiny
"""


def recipe(script: str, *outputs: str, **changes: object) -> Recipe:
    """A recipe of a few commands in the test machine's system."""
    told: dict[str, object] = {
        "name": "sample",
        "version": "1",
        "root": HOST,
        "inputs": (),
        "limits": Limits(60, 2**28),
    }
    return Recipe(script=script, outputs=outputs, **{**told, **changes})  # type: ignore[arg-type]


def source_package(folder: Path) -> Path:
    """The Debian source package ``hello`` 1.0-1: its ``.dsc``."""
    folder.mkdir(parents=True, exist_ok=True)
    _tar(folder / "hello_1.0.orig.tar.xz", {"hello-1.0/hello.c": PROGRAM})
    packaging = {
        "debian/control": _CONTROL,
        "debian/changelog": _CHANGELOG,
        "debian/rules": _RULES,
        "debian/source/format": "3.0 (quilt)\n",
    }
    _tar(folder / "hello_1.0-1.debian.tar.xz", packaging)
    dsc = folder / "hello_1.0-1.dsc"
    dsc.write_text(_dsc(folder))
    return dsc


def spec_file(folder: Path, text: str = SPEC) -> Path:
    """A spec file with its source beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hello.c").write_text(PROGRAM)
    path = folder / "hello.spec"
    path.write_text(text)
    return path


def kernel_source(folder: Path) -> Path:
    """A package that holds a "kernel" whose Makefile only acts as one.

    It grants every option but those with UNKNOWN in their names.
    """
    tree = folder / "tree"
    sources = tree / "usr" / "src"
    sources.mkdir(parents=True)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(
        "Package: linux-source-tiny\nVersion: 6.1.0-1\nArchitecture: all\n"
        "Maintainer: Tests <tests@example.invalid>\nDescription: a stand-in\n"
    )
    _tar(
        sources / "linux-source-tiny.tar.xz",
        {"linux-source-tiny/Makefile": _KERNEL_MAKEFILE, "linux-source-tiny/init.c": "wait();\n"},
    )
    path = folder / "linux-source-tiny.deb"
    run(["dpkg-deb", "--build", "--root-owner-group", str(tree), str(path)], timeout_s=60)
    return path


def _tar(path: Path, files: dict[str, str]) -> None:
    with tarfile.open(path, "w:xz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(text.encode()), SOURCE_DATE
            info.mode = 0o755 if name.endswith("rules") else 0o644
            archive.addfile(info, io.BytesIO(text.encode()))


def _dsc(folder: Path) -> str:
    names = ("hello_1.0.orig.tar.xz", "hello_1.0-1.debian.tar.xz")
    data = {name: (folder / name).read_bytes() for name in names}
    strong = "".join(
        f"\n {hashlib.sha256(text).hexdigest()} {len(text)} {name}" for name, text in data.items()
    )
    weak = "".join(
        f"\n {hashlib.md5(text, usedforsecurity=False).hexdigest()} {len(text)} {name}"
        for name, text in data.items()
    )
    return (
        "Format: 3.0 (quilt)\nSource: hello\nBinary: hello\nArchitecture: any\n"
        "Version: 1.0-1\nMaintainer: Tests <tests@example.invalid>\n"
        f"Checksums-Sha256:{strong}\nFiles:{weak}\n"
    )
