"""What a study would run, because of which change, and how long that took before; from Snakemake's own dry run."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

REASONS = {  # the first words of Snakemake's reason, and what they mean here, in the order in which causes count
    "Missing output files": "never made, or removed",
    "Updated input files": "data or files it reads are newer",
    "Params have changed": "a setting, or code it uses, has changed",
    "Software environment definition": "the environment has changed",
    "Set of input files has changed": "it reads other files than before",
    "Forced execution": "asked for by force",
    "Input files updated by another job": "follows from the above",
}
_JOB = re.compile(r"^(?:Job|rule|localrule) ")


class Planned(NamedTuple):
    """A job of a dry run: its rule, why it would run, and the files it would make."""

    rule: str
    causes: tuple[str, ...]
    outputs: tuple[str, ...]


def causes_of(reason: str) -> tuple[str, ...]:
    """The causes in a reason of Snakemake, each once.

    >>> causes_of("Missing output files: a; Params have changed since last execution: Before: '1'")
    ('never made, or removed', 'a setting, or code it uses, has changed')
    """
    found = tuple(meaning for words, meaning in REASONS.items() if words in reason)
    return found or (reason.split(":")[0] or "unknown",)
