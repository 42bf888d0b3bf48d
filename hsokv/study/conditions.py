"""What a condition of a benchmark says of its encoder and its texts, read in one place."""

from collections.abc import Mapping
from typing import Any

DESCRIPTIONS = "descriptions"
"""The way of tuning an encoder that does not learn from the shots: descriptions guess the labels of other texts."""


def encoding_of(name: str, condition: Mapping[str, Any]) -> str:
    """The encoding whose features a condition reads, a folder of its benchmark's features.

    It is `default` or the name of another encoder, with the layer that it is cut after, if any; or the name of the
    condition where the encoder is tuned for it.

    >>> encoding_of("a", {"shots": 16}), encoding_of("b", {"shots": 16, "tuning": {}})
    ('default', 'b')
    >>> encoding_of("c", {"shots": 16, "encoder": "mpnet"})
    'mpnet'
    >>> encoding_of("d", {"shots": 16, "layer": 5})
    'default_layer5'
    """
    encoder = condition.get("encoder", "default") + (f"_layer{condition['layer']}" if "layer" in condition else "")
    return name if "tuning" in condition else encoder


def ranks_on_dev(condition: Mapping[str, Any]) -> bool:
    """Whether the encoder was tuned on the shots: then folds of them are not unseen, and the dev shots rank settings.

    >>> ranks_on_dev({"shots": 16}), ranks_on_dev({"tuning": {"by": "contrast"}})
    (False, True)
    """
    return condition.get("tuning", {}).get("by", DESCRIPTIONS) != DESCRIPTIONS


def descriptions_of(condition: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The descriptions of the labels that arms learn from, or that the encoder is tuned by; None where there are none.

    >>> descriptions_of({"shots": 1, "tuning": {"by": "descriptions", "descriptions": {"words": [["no"], ["yes"]]}}})
    {'words': [['no'], ['yes']]}
    """
    return condition.get("descriptions") or condition.get("tuning", {}).get("descriptions")
