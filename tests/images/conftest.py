"""One small disk in every accepted format, made once."""

from __future__ import annotations

import pytest

from heliostat.testing.appliances import Samples, make_samples


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return make_samples(tmp_path_factory.mktemp("samples"))
