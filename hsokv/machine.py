"""What belongs to the machine and not to the study: the environment variables, read here and nowhere else."""

import os
import re
import shutil
from pathlib import Path

from hsokv.exceptions import ConfigurationError, check_known

DEVICES = ("cpu", "cuda")

ROOM = 200_000_000
"""Bytes that a whole study writes, with some to spare."""

LONGEST_NAME = 255
"""Bytes of the name of a file or folder that file systems allow."""


def device(given: str | None = None, name: str = "HSOKV_DEVICE") -> str:
    """Where encoders and `fine_tune` compute.

    Args:
        given: "cpu" or "cuda"; where None, HSOKV_DEVICE says it, else it is "cpu".
        name: what a message calls it.

    Raises:
        ConfigurationError: another name, or a device that this machine does not have.

    >>> device("cpu")
    'cpu'
    """
    chosen = given or os.environ.get("HSOKV_DEVICE") or "cpu"
    check_known(name, chosen, DEVICES)
    if chosen != "cpu":
        import torch

        if not torch.cuda.is_available():
            raise ConfigurationError(
                f"{name}: torch {torch.__version__} finds no {chosen} on this machine; "
                f"choose cpu, or install a build of torch for {chosen}"
            )
    return chosen


def data_root(given: str | Path | None = None) -> Path | None:
    """The folder of a user's own copies of the data: `given`, else HSOKV_DATA_DIR, else None.

    Raises:
        ConfigurationError: it is not there, or is no folder.
    """
    name = "--root" if given else "HSOKV_DATA_DIR"
    folder = _folder(name, given or os.environ.get("HSOKV_DATA_DIR"))
    if folder and not os.path.isdir(folder):
        wrong = "is no folder" if os.path.exists(folder) else "is missing"
        raise ConfigurationError(
            f"{name}: {folder.absolute()} {wrong}; name the folder that holds your copies of the data"
        )
    return folder


def cache_folder() -> Path:
    """The download cache: HSOKV_CACHE_DIR, else the operating system's cache folder for "hsokv".

    Raises:
        ConfigurationError: HSOKV_CACHE_DIR is no folder and cannot be made; one that is there may be read-only.
    """
    if folder := _folder("HSOKV_CACHE_DIR", os.environ.get("HSOKV_CACHE_DIR")):
        if not os.path.isdir(folder) and (reason := _obstacle(folder)):
            raise ConfigurationError(f"HSOKV_CACHE_DIR: {folder.absolute()} cannot be made: {reason}, or name another")
        return folder
    import pooch

    return Path(pooch.os_cache("hsokv"))


def ray_address(given: str | None = None) -> str | None:
    """The Ray cluster that the distributed swarm uses: `given`, else HSOKV_RAY_ADDRESS, else None for this machine.

    Raises:
        ConfigurationError: it is no address.

    >>> ray_address("ray://head:10001")
    'ray://head:10001'
    """
    address = given or os.environ.get("HSOKV_RAY_ADDRESS") or None
    if address and not re.fullmatch(r"auto|(ray://)?[^\s/]+:[0-9]+", address):
        name = "--address" if given else "HSOKV_RAY_ADDRESS"
        raise ConfigurationError(f"{name}: expected host:port, ray://host:port or auto, got {address!r}")
    return address


def check_machine(results: Path) -> None:
    """Raise ConfigurationError where a study could not be made on this machine; nothing is written.

    That is: the results' folder could not be made or written, the disk has no room, or an environment variable names
    what is not there.
    """
    device(), data_root(), ray_address()
    if os.environ.get("HSOKV_CACHE_DIR"):
        cache_folder()
    reason = _obstacle(results)
    if not reason and shutil.disk_usage(_existing(results)).free < ROOM:
        reason = f"the disk has less than {ROOM // 10**6} MB left; free some space"
    if reason:
        raise ConfigurationError(f"results: cannot write to {results.absolute()}: {reason}, or choose another folder")


def _folder(name: str, given: str | Path | None) -> Path | None:
    try:
        return Path(given).expanduser() if given else None
    except RuntimeError as error:  # ~somebody who is not there
        raise ConfigurationError(f"{name}: {given}: there is no such user; write the path out") from error


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(parent))


def _obstacle(folder: Path) -> str | None:
    """What keeps a folder from being made and written, and what to do; None where nothing does."""
    there = _existing(folder)
    if len(os.fsencode(max(folder.parts, key=len, default=""))) > LONGEST_NAME:
        return "a name in it is too long; shorten it"
    if not os.path.isdir(there):
        return f"{there} is a link that leads nowhere; mend it" if there.is_symlink() else f"{there} is a file; move it"
    return None if os.access(there, os.W_OK | os.X_OK) else f"{there} is read-only; make it writable"
