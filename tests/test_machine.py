"""What belongs to the machine is read from the environment, and refused by name."""

import pytest
import torch

from hsokv.exceptions import ConfigurationError
from hsokv.machine import cache_folder, data_root, device


@pytest.mark.parametrize("folder", [data_root, cache_folder])
def test_folders_come_from_the_environment(folder, monkeypatch):
    name = {data_root: "HSOKV_DATA_DIR", cache_folder: "HSOKV_CACHE_DIR"}[folder]
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv(name, "~/here")
    assert str(folder()) == "/home/somebody/here"
    monkeypatch.setenv(name, "")
    assert folder() is None or folder is cache_folder


def test_a_folder_that_is_given_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv("HSOKV_DATA_DIR", "/environment")
    assert str(data_root("/given")) == "/given"


def test_the_device_is_the_cpu_unless_the_environment_names_another(monkeypatch):
    monkeypatch.delenv("HSOKV_DEVICE", raising=False)
    assert device() == "cpu"
    monkeypatch.setenv("HSOKV_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device() == "cuda"
    assert device("cpu") == "cpu"


def test_a_device_that_is_unknown_or_not_there_is_refused_by_the_variable(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("gpu", "cuda"):
        monkeypatch.setenv("HSOKV_DEVICE", name)
        with pytest.raises(ConfigurationError, match=r"^HSOKV_DEVICE: "):
            device()
