"""What belongs to the machine and not to the study: the environment variables, read here and nowhere else."""

import os
from pathlib import Path

from hsokv.exceptions import ConfigurationError, check_known

DEVICES = ("cpu", "cuda")


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
    """The folder of a user's own copies of the data: `given`, else HSOKV_DATA_DIR, else None."""
    return _folder(given or os.environ.get("HSOKV_DATA_DIR"))


def cache_folder() -> Path:
    """The download cache: HSOKV_CACHE_DIR, else the operating system's cache folder for "hsokv"."""
    if folder := _folder(os.environ.get("HSOKV_CACHE_DIR")):
        return folder
    import pooch

    return Path(pooch.os_cache("hsokv"))


def _folder(given: str | Path | None) -> Path | None:
    return Path(given).expanduser() if given else None
