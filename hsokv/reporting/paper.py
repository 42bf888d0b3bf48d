"""What a configuration says of the paper itself: title, authors, and an abstract whose numbers come from the ledger."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from hsokv.exceptions import ConfigurationError

_NAMED = re.compile(r"\{([^{}]+)\}")
ANONYMOUS = "Anonymous authors"


def authors_line(paper: Mapping[str, Any]) -> str:
    """The authors as one line, or words in their place where the paper is anonymous.

    >>> authors_line({"anonymous": False, "authors": [{"name": "A", "affiliation": "X"}, {"name": "B"}]})
    'A (X), B'
    """
    if paper["anonymous"]:
        return ANONYMOUS
    named = (f" ({author['affiliation']})" if "affiliation" in author else "" for author in paper["authors"])
    return ", ".join(author["name"] + place for author, place in zip(paper["authors"], named, strict=True))


def fill_abstract(text: str, sentences: Mapping[str, str], number: Callable[[str], str], words: Callable) -> str:
    """The abstract with each {name} in it replaced.

    Args:
        text: no digit in it but within braces.
        sentences: what {headline} and the like stand for, as they are printed.
        number: prints a number of the ledger by its name; raises ConfigurationError where there is none.
        words: prints what stands between the names.

    Raises:
        ConfigurationError: a digit that was typed by hand, or a name without a number.

    >>> fill_abstract("In all, {runs} of them. {lead}", {"lead": "So."}, lambda name: f"<{name}>", str)
    'In all, <runs> of them. So.'
    """
    plain = _NAMED.sub("", text)
    if typed := re.search(r"\S*\d\S*", plain):
        raise ConfigurationError(
            f"paper.abstract: wanted every number as the name of one in the ledger, {{name}}; came {typed[0]!r}"
        )
    parts = _NAMED.split(text)  # words and names in turn
    return "".join(
        words(part) if place % 2 == 0 else sentences[part] if part in sentences else number(part)
        for place, part in enumerate(parts)
    )
