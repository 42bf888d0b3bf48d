"""What a benchmark of the configuration is made of: the arms it can run, their modules, its data."""

from collections.abc import Mapping
from typing import Any

from hsokv.arms.registry import METHODS
from hsokv.data.catalogue import OWN, DataSource
from hsokv.study.config import KINDS


def arms_of(definition: Mapping[str, Any], arms: list[str]) -> list[str]:
    """Those of the study's `arms` that are defined for a benchmark, in their order."""

    def defined(arm: str) -> bool:
        method = METHODS[arm]
        if _lives(definition):
            return method.events is not None
        with_background = definition["kind"] == "words"
        return KINDS[definition["kind"]].protocol in method.protocols and (with_background or not method.background)

    return [arm for arm in arms if defined(arm)]


def module_of(arm: str, protocol: str = "episode") -> str:
    """The module of an arm under a protocol; a memory that lives through events has one of its own."""
    method = METHODS[arm]
    return f"hsokv.arms.{method.events if protocol == 'events' else method.module}"


def settings_of(definition: Mapping[str, Any], arm: str) -> tuple[str, ...]:
    """The groups of settings that an arm reads under the protocol of a benchmark."""
    return METHODS[arm].event_settings if _lives(definition) else METHODS[arm].settings


def _lives(definition: Mapping[str, Any]) -> bool:
    return KINDS[definition["kind"]].protocol == "events"


def source_of(definition: Mapping[str, Any]) -> DataSource | None:
    """Where the data of a benchmark come from, where a user's own are included; None for one without data."""
    keys = ("source", *KINDS[definition["kind"]].own)
    return {key: definition[key] for key in keys if key in definition} if "source" in definition else None


def manifest_of(name: str, definition: Mapping[str, Any]) -> str | None:
    """The name under which the study keeps what it found of a benchmark's data: one for all that share a source."""
    source = definition.get("source")
    return f"{OWN}_{name}" if source == OWN else source


def task_of(definition: Mapping[str, Any], arm: str, device: str = "cpu") -> dict[str, Any]:
    """What an arm has to know of a benchmark of the configuration, its seeds apart; arms of images use the device."""
    images = METHODS[arm].images and definition["kind"] == "stream"
    return {
        **({"images": True} if images else {}),
        **({"device": device} if images and device != "cpu" else {}),
        "protocol": KINDS[definition["kind"]].protocol,
        "conditions": {name: dict(condition) for name, condition in definition["conditions"].items()},
        **{key: definition[key] for key in ("folds", "capacity") if key in definition},
        "flops_allowed": int(definition["flops_allowed"]),
    }
