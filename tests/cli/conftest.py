import pytest
from typer.testing import CliRunner

from hsokv.cli import app, doctor
from hsokv.data import catalogue
from hsokv.exceptions import DataUnavailableError

from ..hub.conftest import build


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("HSOKV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("HSOKV_DATA_DIR", raising=False)
    monkeypatch.setattr(doctor, "resolve_encoder", no_encoder)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def refused(run):
    """A command is refused: one message on stderr, nothing on stdout, no traceback."""

    def refused(message, *arguments):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (1, ""), result.output
        assert result.stderr.startswith("error: ")
        assert message in result.stderr

    return refused


def no_encoder(source, download):
    assert not download
    raise DataUnavailableError("nowhere")


@pytest.fixture
def root(tmp_path):
    """A data root with a file, if a small one, for every file there may be."""
    for source in catalogue.SOURCES.values():
        for member in source.members:
            path = tmp_path / "data" / member.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("sentence\tlabel\ngood\t1\n")
    return tmp_path / "data"


@pytest.fixture
def folder(tmp_path):
    """A saved model of contexts."""
    build().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("text,label\nw0 w1,a\nw10 w11,b\nw1 w2,b\n")
    return path
