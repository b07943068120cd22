"""Builds by name: from a source, a spec or the kernel's data to signed RPMs."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.data import load
from heliostat.os.monitor import Monitor
from heliostat.os.packages.build import debian, kernel, kernel_package, modules, spec
from heliostat.os.packages.build.archive import SourceArchive, open_sources
from heliostat.os.packages.build.carry_out import carry_out
from heliostat.os.packages.build.input_file import Input
from heliostat.os.packages.build.rebuilds import Rebuild, load_rebuilds
from heliostat.os.packages.build.results import Result, packed
from heliostat.os.packages.build.root import build_root, planned
from heliostat.os.packages.build.source_package import SourcePackage, read_dsc
from heliostat.os.packages.deb.archive import read_deb
from heliostat.os.packages.deb.convert import convert
from heliostat.os.packages.deb.policy import load_policy
from heliostat.os.packages.deb.store import code_digest
from heliostat.os.packages.deb.versions import evr_of
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.signing import sign
from heliostat.os.packages.rpm.writer import write
from heliostat.os.sources.archive import Archive
from heliostat.os.sources.download import fetch
from heliostat.os.sources.suite import open_suite


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where from, where to, in whose name."""

    archive: Archive
    cache: Path
    """``.cache/os``."""
    keys: Path
    """The folder of the keys that sign packages and kernel modules."""
    distro: Path
    """The folder of the system's data."""
    monitor: Monitor
    out: Path | None = None
    """Where the RPMs lie, if not in the cache."""

    @property
    def results(self) -> Path:
        """Where the RPMs lie."""
        return self.out or self.cache.resolve() / "rebuilt"

    def rebuild_names(self) -> tuple[str, ...]:
        """The sources of the rebuild list."""
        return tuple(load_rebuilds(self.distro / "rebuilds.yaml").rebuilds)

    def build(self, what: str, *, anew: bool = False) -> Result:
        """A spec file, a ``.dsc``, or a source of the archive (``NAME`` or ``NAME=VERSION``)."""
        path = Path(what)
        if path.suffix in (".spec", ".dsc") and not path.is_file():
            raise HeliostatError(
                "InvalidSetting",
                f"There is no file {path} to build.",
                hint="Name one that is there; its sources lie beside it.",
            )
        if path.suffix == ".spec":
            return self._from_spec(path, anew)
        if path.suffix == ".dsc":
            return self._from_source(read_dsc(path), anew)
        if os.sep in what:
            raise HeliostatError(
                "InvalidSetting",
                f"{what} is neither a spec file (.spec) nor a source package (.dsc).",
                hint="Name a .spec or .dsc file, or a source package of the archive.",
            )
        return self._from_source(self._sources().fetch(what, self.cache, self.monitor), anew)

    def build_kernel(self, *, anew: bool = False) -> Result:
        """The kernel of ``distro/kernel``."""
        materials, release = self._kernel_materials()
        key = modules.module_key(self.keys)
        built = kernel.compile_kernel(materials, self.cache, self.monitor, anew=anew)

        def pack(folder: Path) -> Iterable[Path]:
            made = kernel_package.kernel_package(
                kernel_package.CompiledKernel.of(built),
                materials.settings,
                key,
                materials.version,
                release,
            )
            yield write(made, folder, signer=self._signer()).path

        decided = f"kernel {kernel_package.PACKER} {release}"
        return packed(built, decided, pack, self._signer(), self.results, self.monitor)

    def check_kernel(self) -> Path:
        """The granted options of the kernel; ``BuildFailed`` if one is refused."""
        return kernel.configure(self._kernel_materials()[0], self.cache, self.monitor)

    def _kernel_materials(self) -> tuple[kernel.Materials, str]:
        """What the kernel is built from, and the release of its package."""
        folder = self.distro / "kernel"
        settings = load(folder / "kernel.yaml", kernel.KernelSettings)
        entry = open_suite(self.archive, self.cache, monitor=self.monitor).find(settings.source)
        path = fetch(self.archive, [entry], self.cache, monitor=self.monitor)[entry.sha256]
        sources = self._sources()
        plan = planned(sources, settings.build_packages)
        root = build_root(sources, plan, self.cache, self.monitor)
        evr = evr_of(entry.version)
        source = Input("source.deb", path, entry.sha256, entry.url)
        certificate = modules.module_key(self.keys).certificate_pem
        materials = kernel.Materials(settings, folder, source, evr.version, root, certificate)
        return materials, f"{evr.release}.{settings.revision}"

    def _from_source(self, source: SourcePackage, anew: bool) -> Result:
        listed = load_rebuilds(self.distro / "rebuilds.yaml").rebuilds
        rebuild = listed.get(source.name, Rebuild())
        beside = [self.distro / name for name in (*rebuild.patches, *rebuild.files)]
        recipe = debian.recipe_of(
            self._sources(), source, rebuild, beside, self.cache, self.monitor
        )
        built = carry_out(recipe, self.cache, self.monitor, anew=anew)
        policy = load_policy(self.distro / "policy")
        debs = [path for path in built.files if path.suffix == ".deb"]
        digests = [policy.digest_of(path.name.partition("_")[0]) for path in debs]
        decided = f"deb {code_digest()} {debian.SUFFIX} {' '.join(digests)}"

        def pack(folder: Path) -> Iterable[Path]:
            for path in debs:
                with tempfile.TemporaryDirectory(dir=folder) as work:
                    deb = read_deb(path, Path(work))
                    for name in (deb.name, *policy.of(deb.name).parts):
                        package = debian.as_rebuilt(convert(deb, policy, name=name))
                        yield write(package, folder, signer=self._signer()).path

        return packed(built, decided, pack, self._signer(), self.results, self.monitor)

    def _from_spec(self, path: Path, anew: bool) -> Result:
        recipe = spec.recipe_of(self._sources(), path, self.cache, self.monitor)
        built = carry_out(recipe, self.cache, self.monitor, anew=anew)

        def pack(folder: Path) -> Iterable[Path]:
            for made in built.files:
                target = folder / made.name
                shutil.copyfile(made, target)
                yield sign(target, self._signer()).path

        return packed(built, "spec", pack, self._signer(), self.results, self.monitor)

    def _sources(self) -> SourceArchive:
        return open_sources(self.archive, self.cache, self.monitor)

    def _signer(self) -> Signer:
        return Signer.create(self.keys)
