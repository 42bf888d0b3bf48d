"""What a configuration says of the paper itself: checked before anything runs."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from hsokv.analysis.scores import SCORES
from hsokv.definitions import Definition, Paper
from hsokv.exceptions import ConfigurationError, nearest
from hsokv.report.characters import printable, unprintable
from hsokv.report.pdf import PACKAGES, has_file, has_tex

SENTENCES = ("headline", "criteria")  # made of the results, and named in an abstract like numbers
# What stands beside conditions, arms and scores in the keys of a benchmark's numbers: see hsokv.analysis.numbers.
OF_BENCHMARK, OF_CONDITION = (
    ("headline", "seeds", "largest_class", "regret"),
    ("best_baseline", "tuning_flops", "flops"),
)
OF_CONDITION += ("start", "allowed")
OF_ARM = ("spent", "allowed", "name", "difference", "low", "high", "corrected", "harmed", "most_read")
ANONYMOUS = "Anonymous authors"
_NAMED = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[^\W\d_]+(?:[-.]?\w+)*")  # CIFAR-10, but no 63.4


def check_paper(
    paper: Paper,
    subjects: Iterable[str] = (),
    benchmarks: Mapping[str, Definition] = MappingProxyType({}),
    arms: Iterable[str] = (),
) -> None:
    """Refuse a title, names, keywords or an abstract that the report could not print.

    Args:
        paper: the block `paper` of the configuration.
        subjects: with what a number's key may begin beside a benchmark: study, a contrast; any where none is given.
        benchmarks: of the configuration, by name; their conditions, the arms and the scores are the words of a key.
        arms: all of the study.

    Raises:
        ConfigurationError: a character that pdfTeX has no font for, an unknown {name}, or a number typed by hand.

    >>> check_paper({"title": "CIFAR-10 in O(n²)", "authors": [], "abstract": "On CIFAR-10. {headlin}"})
    Traceback (most recent call last):
    hsokv.exceptions.ConfigurationError: paper.abstract: unknown name 'headlin'; did you mean 'headline'?
    """
    parts = {"title": paper["title"], "abstract": paper["abstract"]}
    for index, author in enumerate(paper["authors"]):
        parts |= {f"authors[{index}].{name}": text for name, text in author.items()}
    parts |= {f"keywords[{index}]": text for index, text in enumerate(paper.get("keywords", ()))}
    needed: dict[str, str] = {}  # files of TeX, and what needs them
    for name, text in parts.items():
        if found := unprintable(text):
            names = ", ".join(f"{c} ({unicodedata.name(c, f'U+{ord(c):04X}')})" for c in found[:5])
            raise ConfigurationError(
                f"paper.{name}: {text!r} holds characters for which pdfTeX, which arXiv uses, has no font: {names}. "
                "Write the name in Latin, Greek, Cyrillic, Chinese, Japanese or Korean letters."
            )
        lines = " ".join(printable(text)[1])
        needed |= {word: f"paper.{name}: {text!r}" for word in PACKAGES if word in lines}
    subjects, arms = {*subjects, *benchmarks}, list(arms)
    for name in _NAMED.findall(paper["abstract"]):
        subject, *parts = name.split(".")
        if name not in SENTENCES and not parts:
            raise ConfigurationError(f"paper.abstract: unknown name {name!r}{nearest(name, SENTENCES)}")
        if parts and subjects and subject not in subjects:
            raise ConfigurationError(f"paper.abstract: no number is named {name!r}{nearest(subject, subjects)}")
        about = benchmarks.get(subject, {})
        every = [*arms, *about.get("controls", ())]
        words = ([*about.get("conditions", ()), *every, *OF_BENCHMARK], [*every, *OF_CONDITION], [*SCORES, *OF_ARM])
        for part, known in zip(parts, words, strict=False) if about else ():
            if part not in known:
                raise ConfigurationError(
                    f"paper.abstract: no number is named {name!r}: unknown part {part!r}{nearest(part, known)}"
                )
    for word in re.findall(r"\S*\d\S*", _NAMED.sub("", paper["abstract"])):
        if not _NAME.fullmatch(word.strip(".,;:!?()[]\"'\u201c\u201d\u2018\u2019")):
            raise ConfigurationError(
                f"paper.abstract: {word!r} is a number typed by hand. Name a number of the results, such as "
                "{study.runs_done}; a digit may stand in a name, such as CIFAR-10."
            )
    for word, what in needed.items() if has_tex() else ():
        file, packages = PACKAGES[word]
        if not has_file(file):
            raise ConfigurationError(f"{what} needs {file}, which this TeX does not have. Install {packages}.")


def authors_of(paper: Paper) -> list[tuple[str, str]]:
    """The name and the affiliation of each author; one without, where the paper is anonymous."""
    if paper["anonymous"]:
        return [(ANONYMOUS, "")]
    return [(author["name"], author.get("affiliation", "")) for author in paper["authors"]]
