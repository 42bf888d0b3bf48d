"""What a benchmark of the configuration is made of: the arms it can run, their modules, its data."""

from hsokv.arms.registry import METHODS
from hsokv.data.catalogue import OWN, DataSource
from hsokv.definitions import Configuration, Definition, Task
from hsokv.study.config import KINDS


def arms_of(definition: Definition, arms: list[str]) -> list[str]:
    """Those of the study's `arms` that are defined for a benchmark, in their order."""
    kind = definition["kind"]
    if (protocol := KINDS[kind].protocol) == "events":
        return [arm for arm in arms if METHODS[arm].events is not None]
    return [a for a in arms if protocol in METHODS[a].protocols and (kind == "words" or not METHODS[a].background)]


def module_of(arm: str, protocol: str = "episode") -> str:
    """The module of an arm under a protocol; a memory that lives through events has one of its own."""
    method = METHODS[arm]
    return f"hsokv.arms.{method.events if protocol == 'events' else method.module}"


def settings_of(definition: Definition, arm: str) -> tuple[str, ...]:
    """The groups of settings that an arm reads under the protocol of a benchmark."""
    lives = KINDS[definition["kind"]].protocol == "events"
    return METHODS[arm].event_settings if lives else METHODS[arm].settings


def source_of(definition: Definition) -> DataSource | None:
    """Where the data of a benchmark come from, where a user's own are included; None for one without data."""
    keys = ("source", *KINDS[definition["kind"]].own)
    return {key: definition[key] for key in keys if key in definition} if "source" in definition else None


def manifest_of(name: str, definition: Definition) -> str | None:
    """The name under which the study keeps what it found of a benchmark's data: one for all that share a source."""
    source = definition.get("source")
    return f"{OWN}_{name}" if source == OWN else source


def task_of(definition: Definition, arm: str, device: str = "cpu") -> Task:
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


def described_study(study: Configuration, digest: str) -> dict[str, object]:
    """What statistics depend on beside the records; the settings of methods are in the records."""

    def described(definition: Definition) -> dict[str, object]:
        conditions, elsewhere = definition["conditions"], definition.get("run_in_overlay", {})
        keys = ("seeds", "headline", "conditions", "controls", "published")
        return {key: list(definition.get(key, [])) for key in keys} | {
            "arms": arms_of(definition, study["arms"]),
            "protocol": KINDS[definition["kind"]].protocol,
            "shots": {
                name: condition["shots"] for name, condition in conditions.items() if set(condition) == {"shots"}
            },
            "run_in_overlay": {name: overlay for name, overlay in elsewhere.items() if name not in conditions},
        }

    keys = ("small", "results", "split", "variants", "baselines", "arms", "contrasts", "criteria")
    benchmarks = {name: described(definition) for name, definition in study["benchmarks"].items()}
    return {"digest": digest, **{key: study[key] for key in keys}, "benchmarks": benchmarks}
