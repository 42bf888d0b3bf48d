"""Two studies side by side: what differs in configuration, code and data, and which estimates left their intervals."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from hsokv.analysis.frames import Study
from hsokv.analysis.scores import format_value, unit_of

RUN = ["benchmark", "condition", "arm", "seed"]


class Side(NamedTuple):
    """A study to be compared, with the configuration and the versions of programs that its provenance names."""

    study: Study
    configuration: Mapping[str, Any]
    versions: Mapping[str, str]


class Moved(NamedTuple):
    """An estimate that left its interval: its key, how both studies print it, whether the intervals do not meet."""

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


def compare(before: Side, after: Side) -> Comparison:
    """Compare two studies.

    A mean or a difference moved when the later value lies outside of the earlier interval; it is `apart` when the two
    intervals do not meet. Values without an interval are not compared.
    """
    both = _estimates(before.study).merge(_estimates(after.study), on="key", suffixes=("_1", "_2"))
    moved = both[(both["mean_2"] < both["low_1"]) | (both["mean_2"] > both["high_1"])].sort_index()
    moved = moved.assign(apart=(moved["high_1"] < moved["low_2"]) | (moved["high_2"] < moved["low_1"]))
    runs = _runs(before.study).merge(_runs(after.study), how="outer", on=RUN, suffixes=("_1", "_2"))
    paths = [f"{benchmark}/{condition}/{arm}/seed{seed}" for benchmark, condition, arm, seed in runs.index]
    missing = {side: {p for p, gone in zip(paths, runs[f"code_{side}"].isna(), strict=True) if gone} for side in (1, 2)}
    shared = runs.dropna()
    differs = {part: shared[shared[f"{part}_1"] != shared[f"{part}_2"]].index for part in ("code", "data")}
    return Comparison(
        configuration=list(_differences(before.configuration, after.configuration)),
        versions=list(_differences(before.versions, after.versions)),
        code=sorted({f"{benchmark}/{arm}" for benchmark, _, arm, _ in differs["code"]}),
        data=sorted({f"{benchmark}/{arm}" for benchmark, _, arm, _ in differs["data"]}),
        only_before=sorted(missing[2]),
        only_after=sorted(missing[1]),
        compared=len(both),
        moved=[Moved(row.Index, row.text_1, row.text_2, row.apart) for row in moved.itertuples()],
    )


def _estimates(study: Study) -> pd.DataFrame:
    """The means of scores and the differences of contrasts that have an interval, by key, and how they are printed."""
    scores, contrasts = study.scores, study.contrasts.rename(columns={"name": "key", "difference": "mean"})
    keys = scores[["benchmark", "condition", "arm", "score"]].astype("str").agg(".".join, axis=1)
    scores = scores.assign(key=keys, unit=[unit_of(score) for score in scores["score"]])
    contrasts = contrasts.assign(unit=[unit_of(score, difference=True) for score in contrasts["score"]])
    columns = ["key", "mean", "low", "high", "unit"]
    estimates = pd.concat([scores[columns], contrasts[columns]]).dropna(subset=["low"]).set_index("key")
    texts = [
        "{} [{}, {}]".format(*(format_value(value, row.unit) for value in (row.mean, row.low, row.high)))
        for row in estimates.itertuples()
    ]
    return estimates.assign(text=texts)


def _runs(study: Study) -> pd.DataFrame:
    """The digests of the runs that have a record, by run."""
    runs = study.runs[study.runs["line"].notna()].astype({"benchmark": "str", "condition": "str", "arm": "str"})
    return runs.set_index(RUN)[["code", "data"]]


def _differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Where two JSON values differ, one line each: `path: before -> after`."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}".lstrip("."))
    elif before != after:
        yield f"{path}: {before} -> {after}"
