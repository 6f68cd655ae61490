"""What every test stands on: hypothesis profiles, and folders of its own in place of the user's."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# No test asserts a duration, hence no deadline: a busy machine is not an error.
settings.register_profile(
    "quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("torture", parent=settings.get_profile("quick"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True, scope="session")
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests never see the user's store or settings. The cache stays: it holds converted encoders, by content."""
    for name in [
        name for name in os.environ if name.startswith("REMANENCE_") and name != "REMANENCE_DATA"
    ]:
        del os.environ[name]
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))
