"""Every number of a built report, made again from the records by plain numpy, and found where it is printed.

Nothing of `hsokv` computes here: means, intervals, paired differences, lifts, tests and counts are written down anew.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.reporting.made import make


class Remake:
    """The records below a folder, and what follows from them."""

    def __init__(self, base: Path) -> None:
        self.study = make(base)
        self.document = json.loads((base / "results/report/provenance.json").read_text())
        self.pages = {name: (base / "results/report" / name).read_text() for name in ("report.md", "numbers.tex")}
        files = (base / "results/records").rglob("*.jsonl")
        runs = [json.loads(line) for path in files for line in path.read_text().splitlines()]
        self.records = {tuple(run[key] for key in ("benchmark", "condition", "arm", "seed")): run for run in runs}

    def runs(self, benchmark: str, arm: str) -> list[list[dict]]:
        """By seed the records of the headline's conditions."""
        asked = self.study["benchmarks"][benchmark]
        return [
            [self.records[benchmark, condition, arm, seed] for condition in asked["headline"]]
            for seed in asked["seeds"]
        ]

    def values(self, benchmark: str, arm: str, score: str) -> np.ndarray:
        return np.array([np.mean([run["scores"][score] for run in runs]) for runs in self.runs(benchmark, arm)])

    def right(self, benchmark: str, arm: str) -> np.ndarray | None:
        """Right answers by seed and example where seeds share a test set."""
        runs = self.runs(benchmark, arm)
        if not runs[0][0]["shared_test"]:
            return None
        return np.array([np.mean([[*map(int, run["outcomes"])] for run in of_seed], axis=0) for of_seed in runs])

    def ends(self, values: np.ndarray, examples: np.ndarray | None, least: float) -> dict[str, float]:
        variance = values.var(ddof=1) / len(values)
        if examples is not None:
            variance += examples.mean(0).var(ddof=1) / examples.shape[1]
        half = stats.t.ppf(0.975, len(values) - 1) * np.sqrt(variance)
        mean = values.mean()
        return {"mean": mean, "low": max(mean - half, least), "high": min(mean + half, 1.0)}

    def score(self, benchmark: str, arm: str, score: str) -> dict[str, float]:
        examples = self.right(benchmark, arm) if score == "accuracy" else None
        least = -1.0 if score == "accuracy_lost_without_memory" else 0.0
        return self.ends(self.values(benchmark, arm, score), examples, least)

    def contrast(self, benchmark: str, a: str, b: str) -> dict[str, float | None]:
        one, other = (self.values(benchmark, arm, "accuracy") for arm in (a, b))
        examples = self.right(benchmark, a)
        found = self.ends(one - other, None if examples is None else examples - self.right(benchmark, b), -1.0)
        signs = np.array([*itertools.product((-1, 1), repeat=len(one))])
        sums = np.abs(signs @ (one - other))
        found |= {"difference": found["mean"], "p": np.mean(sums >= np.abs((one - other).sum()) - 1e-12)}
        least = self.score(benchmark, b, "accuracy")["low"]
        return found | {"lift": one.mean() / other.mean() - 1 if least >= 0.05 else None}

    def holm(self) -> dict[str, float]:
        p = {c["name"]: self.contrast(c["benchmark"], c["a"], c["b"])["p"] for c in self.study["contrasts"]}
        adjusted, most = {}, 0.0
        for rank, name in enumerate(sorted(p, key=p.get)):
            adjusted[name] = most = max(most, min(1.0, (len(p) - rank) * p[name]))
        return adjusted

    def verdict(self, name: str) -> str:
        """Of a rate: its whole interval; of a lift: the estimate, and the interval of the difference above 0."""
        criterion = next(entry for entry in self.study["criteria"] if entry["name"] == name)
        if criterion["benchmark"] not in self.study["benchmarks"]:
            return "not measured"
        place = criterion["benchmark"], criterion["arm"]
        if criterion["kind"] == "lift":
            found = self.contrast(*place, criterion["over"])
            return "pass" if found["lift"] >= criterion["at_least"] and found["low"] > 0 else "fail"
        low = self.score(*place, criterion["score"])["low"]
        return "pass" if low >= criterion.get("at_least", criterion.get("above")) else "fail"

    def number(self, key: str) -> float | str | None:
        """The value of a key of the ledger, from the records alone."""
        parts = key.split(".")
        if parts[0] == "study":
            done = [record["status"] for record in self.records.values()].count("done")
            versions = ", ".join(sorted({record["version"] for record in self.records.values()}))
            runs = {"runs": len(self.records), "runs_done": done, "runs_not_run": len(self.records) - done}
            return (runs | {"version": versions})[parts[1]]
        if parts[0] == "criteria":
            return self.verdict(parts[1])
        if parts[0] in self.study["benchmarks"]:
            benchmark, _, arm, score, end = parts
            return self.score(benchmark, arm, score)[end]
        name, end = parts
        if end == "p_holm":
            return self.holm()[name]
        named = next((entry for entry in self.study["contrasts"] if entry["name"] == name), None)
        if named is None:  # {a}_over_{b}_{benchmark}
            a, _, rest = name.partition("_over_")
            benchmark = max((b for b in self.study["benchmarks"] if rest.endswith(f"_{b}")), key=len)
            named = {"benchmark": benchmark, "a": a, "b": rest.removesuffix(f"_{benchmark}")}
        return self.contrast(named["benchmark"], named["a"], named["b"])[end]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Remake:
    return Remake(tmp_path_factory.mktemp("made"))


def printed(value: float | str, unit: str) -> str:
    if isinstance(value, str | int):
        return str(value)
    if unit in ("percent", "points"):
        return f"{100 * value:.1f}"
    return f"{value:.3f}"


def test_every_number_follows_from_the_records_and_is_printed_as_it_is(built):
    resampled = 0
    for key, entry in built.document["numbers"].items():
        if key.endswith(("lift_low", "lift_high")):  # of a bootstrap, whose draws are its own: see below
            resampled += 1
            continue
        value = built.number(key)
        if value is None:
            assert entry["value"] is None, key
            assert entry["text"].startswith(("undefined: ", "not ")), key
            continue
        assert entry["value"] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-9)), key
        assert entry["text"].lstrip("+") == printed(value, entry["unit"]), key
        if "report.md" in entry["pages"]:
            assert entry["text"] in built.pages["report.md"], key
        if "report.tex" in entry["pages"]:
            text = entry["text"].replace("-", "$-$")
            assert f"\\hsokvdefine{{{key}}}{{{text}}}" in built.pages["numbers.tex"], key
    assert resampled <= 4
    assert len(built.document["numbers"]) > 40


def test_the_interval_of_a_lift_is_that_of_other_draws_to_a_tenth_of_its_width(built):
    named = next(entry for entry in built.study["contrasts"] if entry["name"] == "ablation")
    a, b = (built.values(named["benchmark"], named[side], "accuracy") for side in "ab")
    drawn = np.random.default_rng(99).integers(len(a), size=(20_000, len(a)))
    spread = (a[drawn].mean(1) / b[drawn].mean(1) - 1).std() * np.sqrt(len(a) / (len(a) - 1))
    half = stats.t.ppf(0.975, len(a) - 1) * spread
    numbers, lift = built.document["numbers"], a.mean() / b.mean() - 1
    ends = [numbers[f"ablation.{end}"]["value"] for end in ("lift_low", "lift_high")]
    assert ends == pytest.approx([lift - half, lift + half], abs=0.2 * half)
