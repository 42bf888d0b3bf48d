"""Which encoders a study uses: a table by name in its configuration, and the names that conditions give."""

from collections.abc import Iterator, Mapping
from typing import Any

from hsokv.exceptions import ConfigurationError, check_known
from hsokv.model.encoder_files import EncoderFiles, EncoderSource

TUNED = "minilm"
"""The encoder that conditions with `tuning` tune, whatever the study's own is: the one whose layers can be."""


def encoder_of(condition: Mapping[str, Any], default: str | None) -> str | None:
    """The name of the encoder of a condition that names none but the `default`: the study's own, of images none.

    >>> encoder_of({"shots": 16}, "mpnet"), encoder_of({"shots": 16, "tuning": {}}, "mpnet")
    ('mpnet', 'minilm')
    """
    return TUNED if "tuning" in condition else condition.get("encoder", default)


def encoder_source(described: Mapping[str, Any], folder: str | None = None) -> EncoderSource:
    """The encoder that an entry of the table describes, in its own folder or in `folder`."""
    return EncoderSource(**{**described, "folder": folder or described.get("folder")})


def describe_encoder(files: EncoderFiles, device: str = "cpu") -> dict[str, Any]:
    """What feature files say of the encoder they were made by."""
    source = files.source
    told = {"name": source.name, "revision": source.revision, "sha256": dict(files.sha256), "pooling": source.pooling}
    told |= {"tokens": source.tokens} if source.reads == "texts" else {}
    return told if device == "cpu" else told | {"device": device}


def encoders_of(configuration: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The entries of the table that conditions use, by name."""
    return {name: configuration["encoders"][name] for name in sorted({name for _, _, name in _used(configuration)})}


def check_encoders(configuration: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for an encoder that the table does not hold, and for an entry that makes no sense.

    That is one that names no place, that says what encoders of its kind have not, or that reads something else than the
    benchmark has.
    """
    table = configuration["encoders"]
    for place, kind, name in [("encoder", "texts", configuration["encoder"]), *_used(configuration)]:
        check_known(place, name, table)
        if (reads := _reads(table[name])) != kind:
            known = ", ".join(key for key, described in table.items() if _reads(described) == kind) or "none yet"
            raise ConfigurationError(
                f"{place}: wanted an encoder that reads {kind} ({known}), came {name}, which reads {reads}"
            )
    for name, benchmark in configuration["benchmarks"].items():
        for condition_name, condition in benchmark["conditions"].items():
            if "encoder" in condition and "tuning" in condition:
                raise ConfigurationError(
                    f"benchmarks.{name}.conditions.{condition_name}: wanted encoder or tuning, came both; what is "
                    f"tuned is {TUNED}"
                )
    for name, described in table.items():
        if ("tokens" in described) == (_reads(described) == "images"):
            raise ConfigurationError(
                f"encoders.{name}.tokens: wanted for an encoder that reads texts and for no other, "
                f"{'came' if 'tokens' in described else 'is missing'} for one that reads {_reads(described)}"
            )
        try:
            encoder_source(described)
        except ConfigurationError as error:
            raise ConfigurationError(f"encoders.{name}: {error}") from error


def _used(configuration: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The place of every condition that has an encoder of the table, the kind of its benchmark, the encoder's name."""
    for name, benchmark in configuration["benchmarks"].items():
        own = configuration["encoder"] if benchmark["kind"] == "texts" else None
        for condition_name, condition in benchmark["conditions"].items():
            encoder = encoder_of(condition, own)
            if encoder is not None:
                yield f"benchmarks.{name}.conditions.{condition_name}.encoder", benchmark["kind"], encoder


def _reads(described: Mapping[str, Any]) -> str:
    return described.get("reads", "texts")
