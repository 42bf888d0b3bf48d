"""Two studies side by side: what differs in configuration, code and data, and which numbers left their intervals."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Moved(NamedTuple):
    """A mean that left its interval: its name, how both studies print it with its ends, whether the intervals meet."""

    name: str
    before: str
    after: str
    apart: bool


class Comparison(NamedTuple):
    """What differs between two studies; each list in the order of names."""

    configuration: list[str]
    versions: list[str]
    code: list[str]
    data: list[str]
    only_before: list[str]
    only_after: list[str]
    compared: int
    moved: list[Moved]


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Compare two studies, each `provenance`, `statistics` and `stamps`, the stamps and data of records by run.

    A mean or difference moved when the later value lies outside of the earlier interval; it is `apart` when the two
    intervals do not meet. Values without an interval are not compared.
    """
    one, two = before["statistics"]["numbers"], after["statistics"]["numbers"]
    stems = sorted({name.rpartition(".")[0] for name in one.keys() & two.keys() if name.endswith(".low")})
    found = [(stem, _interval(one, stem), _interval(two, stem)) for stem in stems]
    both = [(stem, first, second) for stem, first, second in found if first and second]
    moved = [
        Moved(stem, _text(one, stem), _text(two, stem), first[2] < second[1] or second[2] < first[1])
        for stem, first, second in both
        if not first[1] <= second[0] <= first[2]
    ]
    known = before["provenance"], after["provenance"]
    return Comparison(
        configuration=_differences(*(part["study"] for part in known)),
        versions=_differences(*(part["versions"] for part in known)),
        code=_stamps(before["stamps"], after["stamps"], "code"),
        data=_stamps(before["stamps"], after["stamps"], "data"),
        only_before=sorted(before["stamps"].keys() - after["stamps"].keys()),
        only_after=sorted(after["stamps"].keys() - before["stamps"].keys()),
        compared=len(both),
        moved=moved,
    )


def _middle(numbers: Mapping[str, Any], stem: str) -> str:
    return next(end for end in ("mean", "difference", "value") if f"{stem}.{end}" in numbers)


def _interval(numbers: Mapping[str, Any], stem: str) -> tuple[float, float, float] | None:
    values = [numbers[f"{stem}.{end}"]["value"] for end in (_middle(numbers, stem), "low", "high")]
    return None if None in values else tuple(values)


def _text(numbers: Mapping[str, Any], stem: str) -> str:
    middle, low, high = (numbers[f"{stem}.{end}"]["text"] for end in (_middle(numbers, stem), "low", "high"))
    return f"{middle} [{low}, {high}]"


def _stamps(before: Mapping[str, Any], after: Mapping[str, Any], part: str) -> list[str]:
    """Benchmarks and arms, `benchmark/arm`, of which a run that both studies have differs in a part of its stamp."""
    return sorted(
        {
            "/".join((run.split("/")[0], run.split("/")[2]))
            for run in before.keys() & after.keys()
            if before[run][part] != after[run][part]
        }
    )


def _differences(before: Any, after: Any, place: str = "") -> list[str]:
    """Where two JSON values differ, one line each: `place: before -> after`."""
    return list(_walk(before, after, place))


def _walk(before: Any, after: Any, place: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            yield from _walk(before.get(key), after.get(key), f"{place}.{key}".lstrip("."))
    elif before != after:
        yield f"{place}: {before} -> {after}"
