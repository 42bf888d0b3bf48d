"""What a benchmark of the configuration is made of: the arms it can run, their modules, its data."""

from collections.abc import Mapping
from typing import Any

from hsokv.arms.registry import METHODS
from hsokv.data.catalogue import OWN
from hsokv.study.config import KINDS


def arms_of(definition: Mapping[str, Any], arms: list[str]) -> list[str]:
    """Those of the study's `arms` that are defined for the protocol of a benchmark, in their order."""
    protocol = KINDS[definition["kind"]].protocol
    return [arm for arm in arms if protocol in METHODS[arm].protocols]


def module_of(arm: str) -> str:
    """The module of an arm."""
    return f"hsokv.arms.{METHODS[arm].module}"


def source_of(definition: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where the data of a benchmark come from, where a user's own are included; None for one without data."""
    keys = ("source", *KINDS[definition["kind"]].own)
    return {key: definition[key] for key in keys if key in definition} if "source" in definition else None


def manifest_of(name: str, definition: Mapping[str, Any]) -> str | None:
    """The name under which the study keeps what it found of a benchmark's data: one for all that share a source."""
    source = definition.get("source")
    return f"{OWN}_{name}" if source == OWN else source


def task_of(definition: Mapping[str, Any], arm: str, device: str = "cpu") -> dict[str, Any]:
    """What an arm has to know of a benchmark of the configuration, its seeds apart; arms of images use the device."""
    return {
        **({"images": True} if METHODS[arm].images else {}),
        **({"device": device} if METHODS[arm].images and device != "cpu" else {}),
        "protocol": KINDS[definition["kind"]].protocol,
        "conditions": {name: dict(condition) for name, condition in definition["conditions"].items()},
        **{key: definition[key] for key in ("folds", "capacity") if key in definition},
        "flops_allowed": int(definition["flops_allowed"]),
    }
