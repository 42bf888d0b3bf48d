import pytest

from .made import made_up, write


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The report of the made-up study, written once."""
    folder = tmp_path_factory.mktemp("results")
    write(folder, made_up())
    return folder
