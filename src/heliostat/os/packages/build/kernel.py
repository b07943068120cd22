"""The kernel of our own: fragments, a source of the archive, and the RPM ``linux-virt``.

Two builds share one folder of sources and objects.  The first asks Kconfig and takes
seconds; what it refuses ends the work before anything is compiled.  The second compiles.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.packages.build import options
from heliostat.os.packages.build.carry_out import Built, carry_out
from heliostat.os.packages.build.input_file import Input
from heliostat.os.packages.build.recipe import Limits, Recipe
from heliostat.os.packages.build.root import BuildRoot


class KernelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``distro/kernel/kernel.yaml``."""

    name: str
    """Of the RPM."""
    source: str
    """The archive's package that holds the source as ``usr/src/<source>.tar.xz``."""
    build_packages: tuple[str, ...]
    """What compiling takes, besides a compiler."""
    fragments: tuple[str, ...]
    """Files with options, in this folder."""
    patches: tuple[str, ...] = ()
    """Files of changes to the source, in this folder, applied in this order."""
    revision: int = 1
    """Counts up when options or patches change and the source doesn't."""
    summary: str = "The Linux kernel for virtual machines"
    timeout_s: float = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Materials:
    """What both builds are made from."""

    settings: KernelSettings
    folder: Path
    """Of fragments and patches."""
    source: Input
    version: str
    """Upstream's, such as ``6.12.117``."""
    root: BuildRoot
    certificate: bytes
    """PEM: whose signatures of modules the kernel takes."""


_UNPACK = """
if [ ! -e /kept/unpacked-{state} ]; then
    rm -rf /kept/source /kept/objects /kept/unpacked-*
    mkdir /kept/source /kept/objects
    dpkg-deb --fsys-tarfile /in/source.deb | tar -xO ./usr/src/{source}.tar.xz \\
        | tar -C /kept/source --strip-components=1 -xJ
    for change in {patches}; do patch -d /kept/source -p1 < /in/$change; done
    touch /kept/unpacked-{state}
fi
SOURCE_DATE_EPOCH=$(stat -c %Y /kept/source/Makefile)
export SOURCE_DATE_EPOCH KBUILD_BUILD_TIMESTAMP="$(date -u -d @$SOURCE_DATE_EPOCH)"
"""
_CONFIGURE = """
cp /in/asked.config /build/asked.config
make -s -C /kept/source O=/kept/configured KCONFIG_ALLCONFIG=/build/asked.config allnoconfig
cp /kept/configured/.config /build/granted.config
"""
_COMPILE = """
cmp -s /in/granted.config /kept/objects/.config || cp /in/granted.config /kept/objects/.config
# make goes by times, and another key may well be older than the objects that hold the last one
if ! cmp -s /in/module-signing.pem /kept/trusted.pem; then
    rm -f /kept/objects/certs/x509_certificate_list
    cp /in/module-signing.pem /kept/trusted.pem
fi
make -s -C /kept/source O=/kept/objects olddefconfig
make -s -C /kept/source O=/kept/objects -j"$(nproc)" bzImage modules
mkdir -p /build/kernel
cd /kept/objects
make -s -C /kept/source O=/kept/objects \\
    INSTALL_MOD_PATH=/build/kernel INSTALL_MOD_STRIP=1 DEPMOD=true modules_install
release=$(make -s -C /kept/source O=/kept/objects kernelrelease)
rm -f /build/kernel/lib/modules/"$release"/build /build/kernel/lib/modules/"$release"/source
cp arch/x86/boot/bzImage /build/kernel/vmlinuz
cp System.map .config /build/kernel/
cp certs/x509_certificate_list /build/kernel/trusted.x509
mv /build/kernel/.config /build/kernel/config
printf '%s' "$release" > /build/kernel/release
printf '%s' "$SOURCE_DATE_EPOCH" > /build/kernel/epoch
"""
_ENVIRONMENT = {
    "KBUILD_BUILD_HOST": "heliostat",
    "KBUILD_BUILD_USER": "builder",
    "KBUILD_BUILD_VERSION": "1",
}


def fragments_of(materials: Materials) -> dict[str, tuple[str, str]]:
    """All options asked for, with the file of each; ``InvalidSetting`` for a fault in one."""
    read = []
    for name in materials.settings.fragments:
        path = materials.folder / name
        try:
            read.append((name, options.parse(path.read_text(encoding="utf-8"))))
        except FileNotFoundError as error:
            raise _invalid(f"There is no file {path}.") from error
        except ValueError as error:
            raise _invalid(f"{path}: {error}.") from error
    try:
        return options.merged(read)
    except ValueError as error:
        raise _invalid(f"{materials.folder}: {error}.") from error


def configure(materials: Materials, cache: Path, monitor: Monitor) -> Path:
    """The file of granted options; ``BuildFailed`` names every one that was refused."""
    asked = fragments_of(materials)
    text = "".join(_line(name, value) for name, (value, _) in sorted(asked.items()))
    path = _written(cache, "asked.config", text.encode())
    step = Recipe(
        **_shared(materials, cache, (Input.of(path, "asked.config"),)),
        script=_unpack(materials) + _CONFIGURE,
        outputs=("granted.config",),
        limits=Limits(900, 8 * 2**30),
    )
    built = carry_out(step, cache, monitor)
    granted = options.parse(built.files[0].read_text(encoding="utf-8"))
    refused = options.differences(asked, granted)
    if refused:
        raise _not_granted(refused, len(asked))
    return built.files[0]


def compile_kernel(
    materials: Materials, cache: Path, monitor: Monitor | None = None, *, anew: bool = False
) -> Built:
    """Kernel and modules (not signed yet) as the build leaves them, in a folder ``kernel``."""
    watcher = monitor or SilentMonitor()
    config = configure(materials, cache, watcher)
    step = Recipe(
        **_shared(materials, cache, (Input.of(config),)),
        script=_unpack(materials) + _COMPILE,
        outputs=("kernel",),
        limits=Limits(materials.settings.timeout_s, 12 * 2**30),
    )
    return carry_out(step, cache, watcher, anew=anew)


class _Shared(TypedDict):
    name: str
    version: str
    root: BuildRoot
    inputs: tuple[Input, ...]
    environment: dict[str, str]
    kept: str


def _shared(materials: Materials, cache: Path, inputs: tuple[Input, ...]) -> _Shared:
    """What both builds have in common."""
    certificate = _written(cache, "module-signing.pem", materials.certificate)
    changes = tuple(Input.of(materials.folder / name) for name in materials.settings.patches)
    files = (materials.source, Input.of(certificate, "module-signing.pem"), *changes, *inputs)
    return _Shared(
        name=materials.settings.name,
        version=materials.version,
        root=materials.root,
        inputs=files,
        environment=_ENVIRONMENT,
        # the compiler is named by the root: objects of another one are not mixed with these
        kept=f"{materials.settings.name}-{materials.root.digest[:16]}",
    )


def _unpack(materials: Materials) -> str:
    """Unpacks the source where it isn't; another source or patch begins everything anew."""
    digests = [materials.source.sha256]
    digests += [Input.of(materials.folder / name).sha256 for name in materials.settings.patches]
    return _UNPACK.format(
        state=hashlib.sha256("".join(digests).encode()).hexdigest()[:16],
        source=materials.settings.source,
        patches=" ".join(Path(name).name for name in materials.settings.patches),
    )


def _line(name: str, value: str) -> str:
    return f"# CONFIG_{name} is not set\n" if value == "n" else f"CONFIG_{name}={value}\n"


def _written(cache: Path, name: str, data: bytes) -> Path:
    """The data as a file in the cache, named by its digest too."""
    digest = hashlib.sha256(data).hexdigest()[:16]
    path = cache.resolve() / "builds" / "inputs" / f"{digest}-{name}"
    if not path.is_file():
        atomic_write(path, data)
    return path


def _not_granted(refused: list[options.Difference], count: int) -> HeliostatError:
    first = "; ".join(str(each) for each in refused[:5])
    return HeliostatError(
        "BuildFailed",
        f"{len(refused)} of {count} kernel options are not granted as asked: {first}"
        + ("…" if len(refused) > 5 else "."),
        hint="Add what they depend on, or take them out: distro/kernel/README.md.",
        data={"refused": [str(each) for each in refused]},
    )


def _invalid(sentence: str) -> HeliostatError:
    return HeliostatError("InvalidSetting", sentence, hint="See distro/kernel/README.md.")
