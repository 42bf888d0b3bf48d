"""Which text encoders a study uses: a table by name in its configuration, and the names that conditions give."""

from collections.abc import Mapping
from typing import Any

from hsokv.exceptions import ConfigurationError, check_known
from hsokv.model.encoder_files import EncoderSource

TUNED = "minilm"
"""The encoder that conditions with `tuning` tune, whatever the study's own is: the one whose layers can be."""


def encoder_of(condition: Mapping[str, Any], default: str) -> str:
    """The name of the encoder of a condition of texts, in a study whose own is `default`.

    >>> encoder_of({"shots": 16}, "mpnet"), encoder_of({"shots": 16, "tuning": {}}, "mpnet")
    ('mpnet', 'minilm')
    """
    return TUNED if "tuning" in condition else condition.get("encoder", default)


def encoder_source(described: Mapping[str, Any], folder: str | None = None) -> EncoderSource:
    """The encoder that an entry of the table describes, in its own folder or in `folder`."""
    return EncoderSource(**{**described, "folder": folder or described.get("folder")})


def encoders_of(configuration: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The entries of the table that conditions use, by name."""
    used = {
        encoder_of(condition, configuration["encoder"])
        for benchmark in configuration["benchmarks"].values()
        if benchmark["kind"] == "texts"
        for condition in benchmark["conditions"].values()
    }
    return {name: configuration["encoders"][name] for name in sorted(used)}


def check_encoders(configuration: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for an encoder that the table does not hold, and for an entry that names no place."""
    table = configuration["encoders"]
    check_known("encoder", configuration["encoder"], table)
    for name, benchmark in configuration["benchmarks"].items():
        for condition_name, condition in benchmark["conditions"].items():
            place = f"benchmarks.{name}.conditions.{condition_name}"
            check_known(f"{place}.encoder", condition.get("encoder", configuration["encoder"]), table)
            if "encoder" in condition and "tuning" in condition:
                raise ConfigurationError(f"{place}: wanted encoder or tuning, came both; what is tuned is {TUNED}")
    for name, described in table.items():
        try:
            encoder_source(described)
        except ConfigurationError as error:
            raise ConfigurationError(f"encoders.{name}: {error}") from error
