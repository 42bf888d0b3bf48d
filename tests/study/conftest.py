"""Features that are slow to make, for all tests that read them."""

import pytest

from hsokv.encoders.files import resolve_encoder

from .test_tuned_text import encode


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    """Those of test_tuned_text.py, on all its conditions; nobody writes to them."""
    resolve_encoder(download=False)
    folder = tmp_path_factory.mktemp("features")
    encode(folder)
    return folder
