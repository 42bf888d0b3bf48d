"""The benchmarks of a configuration: which are run, which protocol each follows, which arms it can run."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hsokv.data.catalogue import OWN
from hsokv.methods.registry import METHODS


class Kind(NamedTuple):
    """`protocol`: how arms learn, an `episode` at once, a `stream` task after task, or `events` as they come.

    `own`: the keys that say where a user's own data are.
    """

    protocol: str
    own: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "words": Kind("episode", own=()),
    "texts": Kind("episode", own=("files", "columns")),
    "images": Kind("episode", own=("folder",)),
    "stream": Kind("stream", own=("folder",)),
    "events": Kind("events", own=("files",)),
}


def selected(configuration: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The configuration of what is run, and the names of the benchmarks that are left out.

    `only` keeps the benchmarks that it names, with their contrasts and criteria, and `cartpole` where it is among them;
    `name: null` leaves out a benchmark or one of its conditions.

    >>> selected({"benchmarks": {"sst2": None, "mnli": {"conditions": {"a": None, "b": {"shots": 1}}}}})
    ({'benchmarks': {'mnli': {'conditions': {'b': {'shots': 1}}}}}, ['sst2'])
    """
    study = {key: value for key, value in configuration.items() if key != "only"}
    only = configuration.get("only")
    study["benchmarks"] = {
        name: {**definition, "conditions": {key: c for key, c in definition["conditions"].items() if c is not None}}
        for name, definition in configuration["benchmarks"].items()
        if definition is not None and (only is None or name in only)
    }
    if only is not None:
        study["distributed"] = study["distributed"] if "cartpole" in only else None
        for key in ("contrasts", "criteria"):
            study[key] = [entry for entry in study[key] if entry["benchmark"] in only]
    return study, [name for name in configuration["benchmarks"] if name not in study["benchmarks"]]


def arms_of(definition: Mapping[str, Any], arms: list[str]) -> list[str]:
    """Those of the study's `arms` that are defined for the protocol of a benchmark, in their order."""
    protocol = KINDS[definition["kind"]].protocol
    return [arm for arm in arms if getattr(METHODS[arm], protocol)]


def module_of(definition: Mapping[str, Any], arm: str) -> str:
    """The module of an arm under the protocol of a benchmark."""
    return getattr(METHODS[arm], KINDS[definition["kind"]].protocol)


def settings_of(definition: Mapping[str, Any], arm: str) -> tuple[str, ...]:
    """The groups of settings that an arm reads under the protocol of a benchmark."""
    events = KINDS[definition["kind"]].protocol == "events"
    return METHODS[arm].event_settings if events else METHODS[arm].settings


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
    images = METHODS[arm].images and definition["kind"] == "stream"
    return {
        **({"images": True} if images else {}),
        **({"device": device} if images and device != "cpu" else {}),
        "protocol": KINDS[definition["kind"]].protocol,
        "conditions": {name: dict(condition) for name, condition in definition["conditions"].items()},
        **{key: definition[key] for key in ("folds", "capacity") if key in definition},
        "flops_allowed": int(definition["flops_allowed"]),
    }
