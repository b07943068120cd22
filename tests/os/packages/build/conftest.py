"""One key of kernel modules for all tests: making it takes a while."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.os.packages.build.modules import ModuleKey, module_key


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="session")
def key(keys_folder: Path) -> ModuleKey:
    return module_key(keys_folder)
