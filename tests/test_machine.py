"""What belongs to the machine is read from the environment, and refused by name before anything is written."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from hsokv.exceptions import ConfigurationError
from hsokv.machine import ROOM, cache_folder, check_machine, data_root, device, ray_address

VARIABLES = ("HSOKV_DATA_DIR", "HSOKV_CACHE_DIR", "HSOKV_DEVICE", "HSOKV_RAY_ADDRESS")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with a folder and a file, where one works; no variable is set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "here").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("given", ["~/here", "here", "{home}/here", "{home}/../{home.name}/here"])
def test_folders_come_from_the_environment(home, monkeypatch, given):
    for name, folder in (("HSOKV_DATA_DIR", data_root), ("HSOKV_CACHE_DIR", cache_folder)):
        monkeypatch.setenv(name, given.format(home=home))
        assert folder().resolve() == home / "here"
    check_machine(Path("results"))


def test_an_empty_variable_is_none(home, monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert (data_root(), ray_address(), device()) == (None, None, "cpu")
    assert cache_folder().is_absolute()


def test_what_is_given_comes_before_the_environment(home, monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, "nothing")
    assert (data_root("here"), ray_address("a:1"), device("cpu")) == (Path("here"), "a:1", "cpu")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("HSOKV_DATA_DIR", value)
            for value in ("absent", "file", "file/in", "link", " ", "~nobody-here/x", "x" * 300)
        ),
        *(("HSOKV_CACHE_DIR", value) for value in ("file", "file/in", "link", "link/in", "~nobody-here/x", "x" * 300)),
        *(("HSOKV_RAY_ADDRESS", value) for value in ("head", "head:port", "ray://", "http://a:1", "a b:1")),
        *(("HSOKV_DEVICE", value) for value in ("gpu", "CPU", " cpu", "cuda", "cuda:0")),
    ],
)
def test_a_variable_that_names_what_is_not_there_is_refused_by_name(home, monkeypatch, name, value):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv(name, value)
    before = sorted(home.rglob("*"))
    with pytest.raises(ConfigurationError, match=rf"^{name}: "):
        check_machine(Path("results"))
    assert sorted(home.rglob("*")) == before


def test_a_device_that_is_there_is_used(monkeypatch):
    monkeypatch.setenv("HSOKV_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device() == "cuda"


@pytest.mark.parametrize(
    "results",
    ["new", "new/er", "here", ".", "..", "a b [1]", "100%", "Z\u00fcrich", "\u7d50\u679c", "a;b&c", "-x", "{home}/x"],
)
def test_any_folder_that_can_be_made_takes_the_results(home, results):
    before = sorted(home.rglob("*"))
    check_machine(Path(results.format(home=home)))
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("results", ["file", "file/in", "link", "link/in", "x" * 300, "\u00fc" * 200])
def test_results_that_cannot_be_made_are_refused(home, results):
    with pytest.raises(ConfigurationError, match=r"^results: cannot write to "):
        check_machine(Path(results))


def test_a_full_disk_and_a_read_only_folder_are_refused(home, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=ROOM - 1))
    with pytest.raises(ConfigurationError, match="free some space"):
        check_machine(Path("results"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigurationError, match="read-only"):
        check_machine(Path("results"))
    monkeypatch.setenv("HSOKV_CACHE_DIR", "here")
    assert cache_folder() == Path("here")  # one that is there may be read-only
    monkeypatch.setenv("HSOKV_CACHE_DIR", "new")
    with pytest.raises(ConfigurationError, match=r"^HSOKV_CACHE_DIR: .*read-only"):
        cache_folder()
