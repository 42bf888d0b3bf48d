"""Every number of a built report, made again from the records that it is said to be from."""

import json
import math
import statistics as plain
from pathlib import Path

import pytest

from hsokv.exceptions import ConfigurationError
from hsokv.records import RunRecord, read_records
from hsokv.reporting.provenance import trace
from tests.reporting.made import make


class Built:
    def __init__(self, base: Path) -> None:
        self.base, self.configuration = base, make(base)
        self.documents = {path.name: json.loads(path.read_text()) for path in (base / "results/statistics").glob("*")}
        self.statistics = self.documents["statistics.json"]
        self.provenance = json.loads((base / "results/report/provenance.json").read_text())

    def follow(self, name: str) -> dict:
        return trace(name, self.statistics, self.provenance)

    def records(self, name: str) -> list[RunRecord]:
        """The runs under the conditions of a number, of the arms that it is from."""
        found = [record for path in self.follow(name)["records"] for record in read_records(self.base / path)]
        headlines = {key: benchmark["headline"] for key, benchmark in self.configuration["benchmarks"].items()}
        condition = name.split(".")[1]
        if any(record.condition == condition for record in found):
            return [record for record in found if record.condition == condition]
        return [record for record in found if record.condition in headlines[record.benchmark]]

    def scores(self, name: str, score: str, arm: str | None = None) -> list[float]:
        """A score of the records that a number is from, by seed, the mean over its conditions."""
        by_seed: dict[int, list[float]] = {}
        for record in self.records(name):
            if arm is None or record.arm == arm:
                by_seed.setdefault(record.seed, []).append(record.scores[score])
        return [plain.mean(values) for values in by_seed.values()]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    return Built(tmp_path_factory.mktemp("made"))


def test_every_number_stands_where_it_is_said_to(built):
    placed = 0
    for name, entry in built.statistics["numbers"].items():
        if entry["statistic"] is None:
            assert name.split(".")[0] == "study" or name.endswith(".seeds")
            continue
        document, _, pointer = entry["statistic"].partition("#")
        value = built.documents[document]
        for part in pointer.strip("/").split("/"):
            value = value[int(part)] if isinstance(value, list) else value and value[part]
        assert value == entry["value"], name
        placed += 1
    assert placed > 300


def test_every_mean_and_difference_on_the_pages_is_that_of_its_records(built):
    checked = 0
    for name, entry in built.provenance["numbers"].items():
        if entry["status"] != "done":
            continue
        parts = name.split(".")
        if entry["rule"] == "mean over seeds" and parts[-2] == "accuracy":
            again = plain.mean(built.scores(name, "accuracy"))
        elif (
            entry["rule"].startswith(("mean paired difference", "difference over the mean")) and "accuracy" not in name
        ):
            rows = built.documents["statistics.json"]["contrasts"]
            row = next(row for row in rows if row["name"] == parts[0])
            if row["score"] != "accuracy":
                continue
            a, b = (plain.mean(built.scores(name, "accuracy", row[side])) for side in "ab")
            again = a - b if parts[-1] == "difference" else (a - b) / b
        elif entry["rule"] == "mean over runs":
            again = plain.mean(record.flops[parts[-1]] for record in built.records(name))
        else:
            continue
        assert math.isclose(again, entry["value"], rel_tol=1e-9, abs_tol=1e-12), name
        checked += 1
    assert checked > 8


def test_the_ledger_of_the_pages_says_what_they_print(built):
    page = (built.base / "results/report/numbers.tex").read_text()
    assert all(
        f"\\hsokvdefine{{{name}}}" in page
        for name, entry in built.provenance["numbers"].items()
        if "report.tex" in entry["pages"]
    )


def test_a_number_leads_to_the_records_of_its_arms_alone(built):
    found = built.follow("ablation.lift")
    assert list(found["records"]) == [f"results/records/rare_words/{arm}.jsonl" for arm in ("full", "kv_only")]
    assert found["pages"] == ["report.md", "report.tex"]


def test_an_unknown_name_is_answered_by_the_nearest_and_a_printed_number_by_its_names(built):
    with pytest.raises(ConfigurationError, match=r"did you mean 'rare_words\.seeds'"):
        built.follow("rare_words.seed")
    printed = built.follow("rare_words.headline.full.accuracy.mean")["text"]
    with pytest.raises(ConfigurationError, match=r"printed so: .*rare_words\.headline\.full\.accuracy\.mean"):
        built.follow(printed)
