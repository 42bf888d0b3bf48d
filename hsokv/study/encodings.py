"""The encodings of a benchmark: the features that some of its conditions share, and what makes them."""

from typing import NamedTuple

from hsokv.definitions import Condition, Configuration, Encoder
from hsokv.machine import device
from hsokv.study.benchmarks import manifest_of, source_of
from hsokv.study.conditions import encoding_of

SETTINGS = {
    "words": ("world", "encoder_steps", "keys", "maps"),
    "texts": ("validation_rows",),
    "events": ("validation_rows",),
    "images": ("num_patches", "validation_images"),
    "stream": ("num_patches", "validation_images"),
}
"""What of a benchmark's definition, of `data` and of `methods` its features depend on, by kind, beside its data and
its conditions."""


class Encoding(NamedTuple):
    """`function`: what makes it, by its full name, and its arguments as the configuration has them (`settings`);
    `encoder`: the name of its encoder in the table, or None; `data`: the names of the manifests of data and encoder."""

    function: str
    settings: dict[str, object]
    encoder: str | None
    data: list[str]


def encodings_of(study: Configuration, name: str) -> dict[str, Encoding]:
    """The encodings of the benchmark `name` by name (see `encoding_of`), in the order of its conditions."""
    groups: dict[str, dict[str, Condition]] = {}
    for condition_name, condition in study["benchmarks"][name]["conditions"].items():
        groups.setdefault(encoding_of(condition_name, condition), {})[condition_name] = condition
    return {encoding: _encoding(study, name, conditions) for encoding, conditions in groups.items()}


def described(study: Configuration, encoder: str) -> Encoder:
    """What the configuration says of an encoder, its folder apart: one that moved makes nothing stale."""
    return {key: value for key, value in study["encoders"][encoder].items() if key != "folder"}


def _encoding(study: Configuration, name: str, conditions: dict[str, Condition]) -> Encoding:
    benchmark = study["benchmarks"][name]
    kind, first = benchmark["kind"], next(iter(conditions.values()))
    function = {
        "words": "hsokv.study.rare_words.encode_seeds",
        "texts": f"hsokv.study.{'tuned_text' if 'tuning' in first else 'text'}.encode_shots",
        "events": "hsokv.study.event_texts.encode_shots",
        "images": "hsokv.study.image_shots.encode_shots",
        "stream": "hsokv.study.images.encode_stream",
    }[kind]
    settings, encoder = {key: (study["data"] | study["methods"] | benchmark)[key] for key in SETTINGS[kind]}, None
    if kind == "stream":
        settings["tasks"] = max(condition["tasks"] for condition in conditions.values())
    else:
        settings["conditions"] = conditions
    if kind != "words":
        settings |= {"source": source_of(benchmark), "split": study["split"]}
        settings |= {} if "tuning" in first else {"device": device()}
    if kind in ("texts", "events", "images"):
        encoder = first.get("encoder", study["encoder"] if kind != "images" else None)
        settings["encoder"] = encoder and described(study, encoder)
    names = (manifest_of(name, benchmark), encoder and f"encoder_{encoder}")
    return Encoding(function, settings, encoder, [manifest for manifest in names if manifest])
