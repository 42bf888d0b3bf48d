"""What a condition of a benchmark says of its encoder and its texts, read in one place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

DESCRIPTIONS = "descriptions"
"""The way of tuning an encoder that does not learn from the shots: descriptions guess the labels of other texts."""

UNLABELLED = ("descriptions", "unlabelled", "share")
"""What that way of tuning wants to know, and no other does."""


def folder_of(features: Path, name: str, condition: Mapping[str, Any]) -> Path:
    """Where the features of a condition lie: among those of its benchmark, apart where its encoder is another one or is
    tuned for it.

    >>> folder_of(Path("sst2"), "a", {"shots": 16}), folder_of(Path("sst2"), "b", {"shots": 16, "tuning": {}})
    (PosixPath('sst2'), PosixPath('sst2/b'))
    >>> folder_of(Path("sst2"), "c", {"shots": 16, "encoder": "mpnet"})
    PosixPath('sst2/with_mpnet')
    """
    if "tuning" in condition:
        return features / name
    return features / f"with_{condition['encoder']}" if "encoder" in condition else features


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
