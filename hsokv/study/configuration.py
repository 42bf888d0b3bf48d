"""A study's configuration: checked against its closed schema and for sense, before anything runs."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from hsokv.data.rare_words import Settings
from hsokv.data.sources import find_source
from hsokv.exceptions import ConfigurationError
from hsokv.methods.registry import METHODS
from hsokv.study.rare_words import world_settings

MOST_SEEDS = 32
"""Seeds for which the exact sign-flip test can be computed."""

TUNING_WORLDS = 1000
"""Worlds of rare words with smaller seeds serve tuning, the others the study."""

TEXT_CLASSES = 2
"""Classes of every text benchmark so far."""


def task_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What an arm has to know of a benchmark of the configuration, its seeds apart."""
    words = definition["kind"] == "words"
    return {
        "conditions": {name: dict(condition) for name, condition in definition["conditions"].items()},
        "classes": world_settings(definition["world"]).rare_words if words else TEXT_CLASSES,
        "folds": None if words else definition["folds"],
        "flops_allowed": int(definition["flops_allowed"]),
    }


def check_configuration(configuration: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for the first thing wrong: its place, what was wanted, what came, the nearest name."""
    errors = sorted(_validator(schema).iter_errors(configuration), key=lambda error: list(map(str, error.path)))
    if errors:
        raise ConfigurationError(_explain(errors[0]))
    arms = [*configuration["variants"], *configuration["baselines"]]
    for key in ("variants", "baselines"):
        for arm in configuration[key]:
            _known(key, arm, METHODS)
    if len(set(arms)) < len(arms):
        raise ConfigurationError(
            "variants and baselines: wanted each arm once, came one in both lists; remove it from one"
        )
    for name, benchmark in configuration["benchmarks"].items():
        _check_benchmark(name, benchmark, configuration["evaluate_on"])
    for contrast in configuration["contrasts"]:
        place = f"contrasts.{contrast['name']}"
        _known(f"{place}.benchmark", contrast["benchmark"], configuration["benchmarks"])
        for side in ("a", "b"):
            _known(f"{place}.{side}", contrast[side], METHODS)
        if contrast["a"] == contrast["b"]:
            raise ConfigurationError(f"{place}: wanted two different arms, came {contrast['a']} twice")
        if len(configuration["benchmarks"][contrast["benchmark"]]["seeds"]) > MOST_SEEDS:
            raise ConfigurationError(
                f"{place}: wanted at most {MOST_SEEDS} seeds, so that its exact test can be computed"
            )
    for criterion in configuration["criteria"]:
        _check_criterion(f"criteria.{criterion['name']}", criterion, configuration["benchmarks"])
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


def _check_criterion(place: str, criterion: Mapping[str, Any], benchmarks: Mapping[str, Any]) -> None:
    bounds = [key for key in ("above", "at_least", "below") if key in criterion]
    if len(bounds) != 1:
        raise ConfigurationError(
            f"{place}: wanted one of above, at_least and below, came {' and '.join(bounds) or 'none'}"
        )
    if ("over" in criterion) == (criterion["kind"] == "rate"):
        raise ConfigurationError(f"{place}.over: wanted for kinds lift and difference and for no other, see its kind")
    if criterion["benchmark"] not in benchmarks:
        return  # a part of the study that is not built yet: reported as not measured
    if bounds == ["below"] or (criterion["kind"] != "rate" and criterion["score"] != "accuracy"):
        raise ConfigurationError(
            f"{place}: wanted `above` or `at_least`, and accuracy for a lift or a difference; no more is judged yet"
        )


def _check_benchmark(name: str, benchmark: Mapping[str, Any], evaluate_on: str) -> None:
    place, words = f"benchmarks.{name}", benchmark["kind"] == "words"
    needed = {"words": {"world", "controls", "encoder_steps"}, "texts": {"source", "folds"}}
    for key in needed[benchmark["kind"]]:
        if key not in benchmark:
            raise ConfigurationError(f"{place}.{key}: wanted for a benchmark of kind {benchmark['kind']}, is missing")
    for key in needed["texts" if words else "words"]:
        if key in benchmark:
            raise ConfigurationError(f"{place}.{key}: has no meaning for a benchmark of kind {benchmark['kind']}")
    wanted = {"senses", "level"} if words else {"shots"}
    for condition_name, condition in benchmark["conditions"].items():
        if set(condition) - (set() if words else {"descriptions"}) != wanted:
            raise ConfigurationError(
                f"{place}.conditions.{condition_name}: wanted {', '.join(sorted(wanted))}, "
                f"came {', '.join(sorted(condition)) or 'nothing'}"
            )
    for condition_name in benchmark["headline"]:
        _known(f"{place}.headline", condition_name, benchmark["conditions"])
    if words:
        for key in benchmark["world"]:
            _known(f"{place}.world", key, [field.name for field in fields(Settings)])
        levels = world_settings(benchmark["world"]).levels
        for condition_name, condition in benchmark["conditions"].items():
            _known(f"{place}.conditions.{condition_name}.level", condition["level"], levels)
            wanted_name = f"{'one_sense' if condition['senses'] == 1 else 'two_senses'}_{condition['level']}"
            if condition_name != wanted_name:
                raise ConfigurationError(
                    f"{place}.conditions.{condition_name}: wanted the name {wanted_name}; rename it"
                )
        misplaced = [seed for seed in benchmark["seeds"] if (seed < TUNING_WORLDS) == (evaluate_on == "final")]
        if misplaced:
            raise ConfigurationError(
                f"{place}.seeds: wanted worlds of {TUNING_WORLDS} and more for evaluate_on: final and under "
                f"{TUNING_WORLDS} for development, came {misplaced[0]} for {evaluate_on}"
            )
        return
    for condition_name, condition in benchmark["conditions"].items():
        if "descriptions" in condition and len(condition["descriptions"]["words"]) != TEXT_CLASSES:
            raise ConfigurationError(
                f"{place}.conditions.{condition_name}.descriptions.words: wanted a list for each of {TEXT_CLASSES} "
                f"classes, came {len(condition['descriptions']['words'])}"
            )
    if benchmark["source"] != "synthetic":
        find_source(benchmark["source"])
    if (benchmark["source"] == "synthetic") != name.endswith("_synthetic"):
        raise ConfigurationError(
            f"{place}: wanted a name that ends in _synthetic for the source `synthetic` and for no other, so that a "
            f"stand-in always carries its name; came source {benchmark['source']!r}"
        )


def _validator(schema: Mapping[str, Any]) -> Any:
    """JSON Schema, but an integer is written without a point: 16.0 could not count anything later."""
    from jsonschema import Draft202012Validator, validators

    checker = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    return validators.extend(Draft202012Validator, type_checker=checker)(schema)


def _known(place: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ConfigurationError(f"{place}: unknown name {name!r}{_nearest(name, known)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(map(str, known))
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(names)}"


def _explain(error: Any) -> str:
    place = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = sorted(set(error.instance) - set(known))[0]
        return f"unknown configuration key {'.'.join(filter(None, (place, unknown)))}{_nearest(unknown, known)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"configuration key {'.'.join(filter(None, (place, missing)))} is missing"
    meaning = error.schema.get("description")
    return f"configuration key {place}: {error.message}" + (f" ({meaning})" if meaning else "")
