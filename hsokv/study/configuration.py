"""A study's configuration: checked against its closed schema and for sense, before anything runs."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hsokv.exceptions import ConfigurationError, check_known, nearest
from hsokv.methods.registry import METHODS
from hsokv.study.benchmarks import check_benchmark
from hsokv.study.encoders import check_encoders

BOUNDS = {
    "rate": ("above", "at_least", "below"),
    "lift": ("above", "at_least"),
    "difference": ("above", "at_least"),
    "magnitude": ("below",),
    "not_worse": ("margin",),
}
"""What each kind of criterion may be held against."""

COMPARED = ("lift", "difference", "not_worse")
"""Kinds of criteria that compare an arm with another."""

MOST_SEEDS = 32
"""Seeds for which the exact sign-flip test can be computed."""


def check_keys(paths: Iterable[str | Path]) -> None:
    """Raise ConfigurationError where a file of YAML gives a key twice: its loader keeps the last without a word."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 1 ms for the study's own file, against 26
    for path in paths:
        lines: dict[tuple[str, ...], int] = {}
        for place, line in _keys(yaml.compose(Path(path).read_text(encoding="utf-8"), loader)):
            if place in lines:
                raise ConfigurationError(
                    f"{path}: wanted every key once, came {'.'.join(place)} twice, in lines {lines[place]} and {line}, "
                    "of which only the second would count; put both into one, or delete one"
                )
            lines[place] = line


def take_out(configuration: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The configuration without what an overlay took out with `name: null`, and the benchmarks among it.

    Benchmarks and their conditions can be taken out. What is of no use at all is left for the schema to refuse.

    >>> take_out({"benchmarks": {"sst2": None, "mnli": {"conditions": {"a": None, "b": {"shots": 1}}}}})
    ({'benchmarks': {'mnli': {'conditions': {'b': {'shots': 1}}}}}, ['sst2'])
    """
    benchmarks = configuration.get("benchmarks")
    if not isinstance(benchmarks, Mapping):
        return dict(configuration), []
    kept = {name: definition for name, definition in benchmarks.items() if definition is not None}
    for name, definition in kept.items():
        if isinstance(definition, Mapping) and isinstance(conditions := definition.get("conditions"), Mapping):
            kept[name] = {**definition, "conditions": {key: c for key, c in conditions.items() if c is not None}}
    return {**configuration, "benchmarks": kept}, [name for name in benchmarks if name not in kept]


def check_configuration(
    configuration: Mapping[str, Any], schema: Mapping[str, Any], left_out: Iterable[str] = ()
) -> None:
    """Raise ConfigurationError for the first thing wrong: its place, what was wanted, what came, the nearest name.

    `left_out` are benchmarks that an overlay took out of the study; contrasts may still speak of them.
    """
    errors = sorted(_validator(schema).iter_errors(configuration), key=lambda error: list(map(str, error.path)))
    if errors:
        raise ConfigurationError(_explain(errors[0]))
    arms = [*configuration["variants"], *configuration["baselines"]]
    for key in ("variants", "baselines"):
        for arm in configuration[key]:
            check_known(key, arm, METHODS)
    if len(set(arms)) < len(arms):
        raise ConfigurationError(
            "variants and baselines: wanted each arm once, came one in both lists; remove it from one"
        )
    for name, benchmark in configuration["benchmarks"].items():
        check_benchmark(name, benchmark, configuration["evaluate_on"])
    check_encoders(configuration)
    for contrast in configuration["contrasts"]:
        place = f"contrasts.{contrast['name']}"
        check_known(f"{place}.benchmark", contrast["benchmark"], [*configuration["benchmarks"], *left_out])
        for side in ("a", "b"):
            check_known(f"{place}.{side}", contrast[side], METHODS)
        if contrast["a"] == contrast["b"]:
            raise ConfigurationError(f"{place}: wanted two different arms, came {contrast['a']} twice")
        if len(configuration["benchmarks"].get(contrast["benchmark"], {}).get("seeds", ())) > MOST_SEEDS:
            raise ConfigurationError(
                f"{place}: wanted at most {MOST_SEEDS} seeds, so that its exact test can be computed"
            )
    for criterion in configuration["criteria"]:
        _check_criterion(f"criteria.{criterion['name']}", criterion)
    for key in ("contrasts", "criteria"):
        names = [entry["name"] for entry in configuration[key]]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigurationError(f"{key}: wanted each name once, came {twice!r} twice; rename one")
    defaults = configuration["methods"]
    box, rounds, steps = defaults["swarm"]["box"], defaults["swarm"]["rounds"], defaults["head"]["steps"]
    if steps % rounds:
        raise ConfigurationError(
            f"methods.swarm.rounds: wanted a divisor of head.steps = {steps}, so that an agent of the swarm takes as "
            f"many steps as the default agent; came {rounds}"
        )
    agents = defaults["swarm"]["managers"] * defaults["swarm"]["agents"]
    if defaults["swarm"]["averaged"] > agents:
        raise ConfigurationError(
            f"methods.swarm.averaged: wanted at most managers x agents = {agents}, came {defaults['swarm']['averaged']}"
        )
    for name, group in (("learning_rate", "head"), ("weight_decay", "head"), ("sharpness", "memory")):
        low, high = box[name]
        if not low < high or not low <= defaults[group][name] <= high:
            raise ConfigurationError(
                f"methods.swarm.box.{name}: wanted low < high around the default {group}.{name} = "
                f"{defaults[group][name]}, which is always one of the agents; came [{low}, {high}]"
            )


def _keys(node: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every key of a composed document, by its place, with its line."""
    parts = getattr(node, "value", ())
    if isinstance(parts, list):  # a mapping's pairs of key and value, or a sequence's values
        for number, part in enumerate(parts):
            key, value = part if isinstance(part, tuple) else (None, part)
            here = (*place, key.value if key else str(number))
            if key:
                yield here, key.start_mark.line + 1
            yield from _keys(value, here)


def _check_criterion(place: str, criterion: Mapping[str, Any]) -> None:
    kind, bounds = criterion["kind"], [key for key in ("above", "at_least", "below", "margin") if key in criterion]
    if len(bounds) != 1 or bounds[0] not in BOUNDS[kind]:
        raise ConfigurationError(
            f"{place}: wanted one of {', '.join(BOUNDS[kind])} for a {kind}, came {' and '.join(bounds) or 'none'}"
        )
    if ("over" in criterion) != (kind in COMPARED):
        raise ConfigurationError(f"{place}.over: wanted for kinds {', '.join(COMPARED)} and for no other, see its kind")
    if "tracks" in criterion and kind != "rate":
        raise ConfigurationError(f"{place}.tracks: wanted for a rate alone, came for a {kind}; leave it out")
    if kind == "lift" and criterion["score"] != "accuracy":
        raise ConfigurationError(f"{place}.score: wanted accuracy for a lift, came {criterion['score']}")


def _validator(schema: Mapping[str, Any]) -> Any:
    """JSON Schema, but an integer is written without a point: 16.0 could not count anything later."""
    from jsonschema import Draft202012Validator, validators

    checker = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    return validators.extend(Draft202012Validator, type_checker=checker)(schema)


def _explain(error: Any) -> str:
    place = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = sorted(set(error.instance) - set(known))[0]
        return f"unknown configuration key {'.'.join(filter(None, (place, unknown)))}{nearest(unknown, known)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"configuration key {'.'.join(filter(None, (place, missing)))} is missing"
    meaning = error.schema.get("description")
    return f"configuration key {place}: {error.message}" + (f" ({meaning})" if meaning else "")
