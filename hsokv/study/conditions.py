"""What a condition of a benchmark says of its encoder, read in one place."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hsokv.definitions import Condition

DESCRIPTIONS = "descriptions"
"""The way of tuning an encoder that does not learn from the shots: descriptions guess the labels of other texts."""


def encoding_of(name: str, condition: "Condition") -> str:
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


def ranks_on_dev(condition: "Condition") -> bool:
    """Whether the encoder was tuned on the shots: then folds of them are not unseen, and the dev shots rank settings.

    >>> ranks_on_dev({"shots": 16}), ranks_on_dev({"tuning": {"by": "contrast"}})
    (False, True)
    """
    return "tuning" in condition and condition["tuning"]["by"] != DESCRIPTIONS
