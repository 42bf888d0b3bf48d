"""The benchmarks of a configuration by kind: what each needs, which protocol it follows, which arms it can run."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from hsokv.data.catalogue import OWN, SYNTHETIC
from hsokv.data.rare_words import Settings
from hsokv.data.texts import TASKS
from hsokv.exceptions import ConfigurationError, check_known
from hsokv.methods.registry import METHODS
from hsokv.study.conditions import DESCRIPTIONS, UNLABELLED, descriptions_of
from hsokv.study.rare_words import world_settings


class Kind(NamedTuple):
    """What is particular to a kind of benchmark.

    `needed` and `optional`: its keys besides the common ones; `condition` and `condition_optional`: those of each of
    its conditions; `protocol`: how its arms learn, an `episode` at once or a `stream` task after task; `sources`: what
    its data may be; `own`: the keys that say where a user's own are, for that source alone.
    """

    needed: frozenset[str]
    optional: frozenset[str]
    condition: frozenset[str]
    condition_optional: frozenset[str]
    protocol: str
    sources: frozenset[str]
    own: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "words": Kind(
        needed=frozenset({"world", "controls", "encoder_steps"}),
        optional=frozenset(),
        condition=frozenset({"senses", "level"}),
        condition_optional=frozenset(),
        protocol="episode",
        sources=frozenset(),
        own=(),
    ),
    "texts": Kind(
        needed=frozenset({"source", "folds"}),
        optional=frozenset({"development_rows", "elsewhere"}),
        condition=frozenset({"shots"}),
        condition_optional=frozenset({"descriptions", "encoder", "tuning", "flops_allowed"}),
        protocol="episode",
        sources=frozenset({*TASKS, "sst2_synthetic", "mnli_synthetic", OWN}),
        own=("files", "columns"),
    ),
    "images": Kind(
        needed=frozenset({"source", "centroids", "folds"}),
        optional=frozenset({"development_images"}),
        condition=frozenset({"shots"}),
        condition_optional=frozenset({"encoder", "flops_allowed"}),
        protocol="episode",
        sources=frozenset({"cifar10", "split_cifar10_synthetic", OWN}),
        own=("folder",),
    ),
    "stream": Kind(
        needed=frozenset({"source", "centroids", "entries"}),
        optional=frozenset({"development_images"}),
        condition=frozenset({"tasks", "passes"}),
        condition_optional=frozenset(),
        protocol="stream",
        sources=frozenset({"cifar10", "split_cifar10_synthetic", OWN}),
        own=("folder",),
    ),
}

TUNING_WORLDS = 1000
"""Worlds of rare words with smaller seeds serve tuning, the others the study."""


def arms_of(definition: Mapping[str, Any], arms: list[str]) -> list[str]:
    """Those of the study's `arms` that are defined for the protocol of a benchmark, in their order."""
    protocol = KINDS[definition["kind"]].protocol
    return [arm for arm in arms if getattr(METHODS[arm], protocol)]


def module_of(definition: Mapping[str, Any], arm: str) -> str:
    """The module of an arm under the protocol of a benchmark."""
    return getattr(METHODS[arm], KINDS[definition["kind"]].protocol)


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
        **{key: definition[key] for key in ("folds", "entries") if key in definition},
        "flops_allowed": int(definition["flops_allowed"]),
    }


def check_benchmark(name: str, benchmark: Mapping[str, Any], evaluate_on: str) -> None:
    """Raise ConfigurationError for the first thing in a benchmark that its kind cannot make sense of."""
    place, kind = f"benchmarks.{name}", KINDS[benchmark["kind"]]
    for key in sorted(kind.needed - set(benchmark)):
        raise ConfigurationError(f"{place}.{key}: wanted for a benchmark of kind {benchmark['kind']}, is missing")
    others = frozenset().union(*(other.needed | other.optional | {*other.own} for other in KINDS.values()))
    for key in sorted((others - kind.needed - kind.optional - {*kind.own}) & set(benchmark)):
        raise ConfigurationError(f"{place}.{key}: has no meaning for a benchmark of kind {benchmark['kind']}")
    for condition_name, condition in benchmark["conditions"].items():
        if set(condition) - kind.condition_optional != kind.condition:
            raise ConfigurationError(
                f"{place}.conditions.{condition_name}: wanted {', '.join(sorted(kind.condition))}, "
                f"came {', '.join(sorted(condition)) or 'nothing'}"
            )
    for condition_name in benchmark["headline"]:
        check_known(f"{place}.headline", condition_name, benchmark["conditions"])
    if benchmark["kind"] == "words":
        _check_words(place, benchmark, evaluate_on)
    else:
        _check_source(place, name, benchmark)
    if benchmark["kind"] == "texts":
        _check_texts(place, benchmark)


def _check_words(place: str, benchmark: Mapping[str, Any], evaluate_on: str) -> None:
    for key in benchmark["world"]:
        check_known(f"{place}.world", key, [field.name for field in fields(Settings)])
    levels = world_settings(benchmark["world"]).levels
    for condition_name, condition in benchmark["conditions"].items():
        check_known(f"{place}.conditions.{condition_name}.level", condition["level"], levels)
        wanted = f"{'one_sense' if condition['senses'] == 1 else 'two_senses'}_{condition['level']}"
        if condition_name != wanted:
            raise ConfigurationError(f"{place}.conditions.{condition_name}: wanted the name {wanted}; rename it")
    misplaced = [seed for seed in benchmark["seeds"] if (seed < TUNING_WORLDS) == (evaluate_on == "final")]
    if misplaced:
        raise ConfigurationError(
            f"{place}.seeds: wanted worlds of {TUNING_WORLDS} and more for evaluate_on: final and under "
            f"{TUNING_WORLDS} for development, came {misplaced[0]} for {evaluate_on}"
        )


def _check_source(place: str, name: str, benchmark: Mapping[str, Any]) -> None:
    source = benchmark["source"]
    check_known(f"{place}.source", source, KINDS[benchmark["kind"]].sources)
    if (source in SYNTHETIC) != name.endswith("_synthetic"):
        raise ConfigurationError(
            f"{place}: wanted a name that ends in _synthetic for a synthetic source and for no other, so that a "
            f"stand-in always carries its name; came source {source!r}"
        )
    for key in KINDS[benchmark["kind"]].own:
        if (key in benchmark) != (source == OWN):
            raise ConfigurationError(
                f"{place}.{key}: wanted with source: {OWN} and with no other, "
                f"{'came' if key in benchmark else 'is missing'} with source: {source}"
            )


def _check_texts(place: str, benchmark: Mapping[str, Any]) -> None:
    """Of own files the labels are known later (hsokv.study.data_manifest), the texts of a row are not."""
    task = TASKS.get(benchmark["source"].removesuffix("_synthetic"))
    texts = task.texts if task else benchmark["columns"]["text"]
    for condition_name, condition in benchmark["conditions"].items():
        where = f"{place}.conditions.{condition_name}"
        tuning = condition.get("tuning", {})
        pairs = len(texts) > 1
        if pairs and "descriptions" in condition:
            raise ConfigurationError(f"{where}.descriptions: wanted for single texts, came for pairs; leave it out")
        if pairs and tuning.get("by") == DESCRIPTIONS:
            raise ConfigurationError(
                f"{where}.tuning.by: wanted contrast or cross_entropy for pairs, came {DESCRIPTIONS}, which describe "
                "single texts; tune on the shots"
            )
        if tuning and "descriptions" in condition:
            raise ConfigurationError(f"{where}: wanted descriptions or tuning, came both; make them two conditions")
        for key in UNLABELLED:
            if tuning and (key in tuning) != (tuning["by"] == DESCRIPTIONS):
                raise ConfigurationError(
                    f"{where}.tuning.{key}: wanted with by: {DESCRIPTIONS} and with no other, "
                    f"{'came' if key in tuning else 'is missing'} with by: {tuning['by']}"
                )
        described = descriptions_of(condition)
        if task and task.labels and described and len(described["words"]) != len(task.labels):
            raise ConfigurationError(
                f"{where}.{'tuning.' if tuning else ''}descriptions.words: wanted a list for each of "
                f"{len(task.labels)} classes, came {len(described['words'])}"
            )
