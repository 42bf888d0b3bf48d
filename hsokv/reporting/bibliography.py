"""Citations and references of the Markdown page, from the bibliography that BibTeX reads for the LaTeX one."""

import re
from collections.abc import Callable, Iterable, Mapping

from hsokv.exceptions import ConfigurationError
from hsokv.reporting.latex import Tex

Entries = Mapping[str, Mapping[str, str]]


def read_entries(bibliography: str) -> dict[str, dict[str, str]]:
    """Return the fields of each entry of a BibTeX file that has one field a line, by key, without braces.

    >>> read_entries("@article{holm1979,\\n  author = {Holm, Sture},\\n  year = {1979}\\n}")
    {'holm1979': {'author': 'Holm, Sture', 'year': '1979'}}
    """
    entries = {}
    for key, body in re.findall(r"@\w+\{(\w+),\n(.*?)\n\}", bibliography, flags=re.DOTALL):
        fields = re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", body, flags=re.MULTILINE)
        entries[key] = {name: re.sub(r"[{}]", "", value.replace(r"{\"o}", "ö")) for name, value in fields}
    return entries


def list_references(entries: Entries, cited: Iterable[str]) -> list[str]:
    """Return each entry that was cited as one line of text, ordered by its key."""
    lines = []
    for fields in (entries[key] for key in sorted(cited)):
        people = ", ".join(" ".join(reversed(person.split(", "))) for person in _people(fields))
        place = next(fields[kind] for kind in ("journal", "booktitle", "publisher", "institution") if kind in fields)
        lines.append(f"{people}. {fields['title']}. {place}, {fields['year']}.")
    return lines


def markdown_citations(entries: Entries, cited: set[str]) -> Callable[..., str]:
    """Return a function that cites keys as (author, year) and adds them to `cited`.

    It raises ConfigurationError on a key that is not there.
    """

    def cite(*keys: str) -> str:
        cited.update(keys)
        names = []
        for key in keys:
            people = [person.split(",")[0] for person in _people(_entry(entries, key))]
            who = f"{people[0]} et al." if len(people) > 2 else " and ".join(people)
            names.append(f"{who}, {entries[key]['year']}")
        return f"({'; '.join(names)})"

    return cite


def latex_citations(entries: Entries) -> Callable[..., Tex]:
    """Return a function that cites keys by natbib; it raises ConfigurationError on a key that is not there."""

    def cite(*keys: str) -> Tex:
        for key in keys:
            _entry(entries, key)
        return Tex(rf"\citep{{{','.join(keys)}}}")

    return cite


def _entry(entries: Entries, key: str) -> Mapping[str, str]:
    if key not in entries:
        raise ConfigurationError(f"references.bib: wanted the entry {key!r}; it is not there; add it")
    return entries[key]


def _people(fields: Mapping[str, str]) -> list[str]:
    return fields["author"].split(" and ")
