"""Which encoders a study uses: a table by name in its configuration, and the names that conditions give."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hsokv.encoders.files import EncoderFiles, EncoderSource

if TYPE_CHECKING:
    from hsokv.definitions import Condition, Configuration, Encoder
    from hsokv.encoders.texts import TextEncoder


def encoder_source(described: "Encoder", folder: str | None = None) -> EncoderSource:
    """The encoder that an entry of the table describes, in its own folder or in `folder`."""
    return EncoderSource(**{**described, "folder": folder or described.get("folder")})


def load_encoder(files: EncoderFiles, condition: "Condition", device: str = "cpu") -> "TextEncoder":
    """The text encoder of a condition, cut after its `layer` where it names one."""
    from hsokv.encoders.texts import load_text_encoder

    encoder = load_text_encoder(files, device)
    return encoder.below(condition["layer"]) if "layer" in condition else encoder


def describe_encoder(
    files: EncoderFiles, device: str = "cpu", condition: "Condition | None" = None
) -> dict[str, object]:
    """What feature files say of the encoder they were made by."""
    source = files.source
    told = {"name": source.name, "revision": source.revision, "sha256": dict(files.sha256), "pooling": source.pooling}
    told |= {"tokens": source.tokens} if source.modality == "texts" else {}
    told |= {"layer": condition["layer"]} if condition and "layer" in condition else {}
    return told if device == "cpu" else told | {"device": device}


def encoders_of(configuration: "Configuration") -> "dict[str, Encoder]":
    """The entries of the table that conditions use, by name."""
    used = {name for _, _, name in encoders_named(configuration)}
    return {name: configuration["encoders"][name] for name in sorted(used)}


def encoders_named(configuration: "Configuration") -> Iterator[tuple[str, str, str]]:
    """The dotted key of each condition with an encoder of the table, what it reads, the encoder's name."""
    for name, benchmark in configuration["benchmarks"].items():
        modality = "texts" if benchmark["kind"] == "events" else benchmark["kind"]
        own = configuration["encoder"] if modality == "texts" else None
        for condition_name, condition in benchmark["conditions"].items():
            if encoder := condition.get("encoder", own):
                yield f"benchmarks.{name}.conditions.{condition_name}.encoder", modality, encoder
