"""Known answers about the inside of a memory; what a record does not tell is left out or said, never guessed."""

import numpy as np
import pytest

from hsokv.reporting.ledger import lookup, text
from hsokv.reporting.memory import NO_READS, derived_scores, example_scores, shorten
from hsokv.reporting.statistics import compute_statistics

from .study import configuration, memory, not_run, record, records, with_memory

RUN = ("rare_words", "two_senses_level1", "full", 1)


def held(**changes) -> dict[str, float]:
    found = derived_scores(with_memory(*RUN, **changes))
    return {name.removeprefix("memory_"): score for name, score in found.items() if name.startswith("memory_")}


@pytest.fixture(scope="module")
def statistics() -> dict:
    asked = configuration()
    return compute_statistics(records(asked, with_memory), asked)


def test_what_is_derived_from_four_entries_by_hand():
    assert held() == {
        "entries": 4,
        "capacity": 8,
        "class_min": 1,
        "class_median": 1,
        "class_max": 2,
        "folded": 0.25,
        "age_mean": 2.25,
        "age_oldest": 4,
        "age_read": pytest.approx((1 * 4 + 6 * 3 + 3 * 2) / 10),
        "never_read": 0.25,
        "top_tenth": 0.6,
        "top_tenth_right": 0.5,
    }


@pytest.mark.parametrize("instruments", [{}, {"memory_labels": [0, 1]}, {"memory": {"labels": [0, 1]}}])
def test_a_record_that_does_not_tell_has_no_such_score(instruments):
    scores = derived_scores(record(*RUN, instruments=instruments))
    assert not [name for name in scores if name.startswith("memory_")]
    assert scores["hit_corrected"] == pytest.approx(0.75)


def test_what_a_shared_test_set_loses_is_judged_by_its_examples_too():
    """sst2's seeds share their test: the interval of what is lost covers other examples, not only other seeds."""
    asked = configuration()
    told = records(asked, lambda *run: with_memory(*run, outcomes_without="1" * 5 + "0" * 15))
    lost = {"benchmark": "sst2", "condition": "headline", "arm": "full", "score": "accuracy_lost_without_memory"}
    widths = []
    for given in (told, records(asked, with_memory)):
        scores = compute_statistics(given, asked)["scores"]
        found = next(row for row in scores if all(row[key] == value for key, value in lost.items()))
        widths.append(found["high"] - found["low"])
    assert widths[0] > widths[1]
    examples = example_scores(with_memory(*RUN, outcomes_without="1" * 5 + "0" * 15))
    assert examples["accuracy_lost_without_memory"].mean() == pytest.approx(examples["accuracy"].mean() - 0.25)


def test_a_stream_tells_by_example_what_was_right_within_its_task():
    told = example_scores(record(*RUN, instruments={"outcomes_task_incremental": "1" * 19 + "0"}))
    assert told["accuracy_task_incremental"].mean() == pytest.approx(0.95)


def test_an_empty_memory_and_one_that_was_never_read():
    nothing = {name: [] for name in memory()}
    assert held(**nothing) == {"entries": 0, "capacity": 8}
    unread = held(reads=[0] * 4, right=[0] * 4)
    assert (unread["entries"], unread["never_read"]) == (4, 1)
    assert not {"top_tenth", "top_tenth_right", "age_read"} & set(unread)
    asked = configuration()
    for changes in (nothing, {"reads": [0] * 4, "right": [0] * 4}):
        found = compute_statistics(records(asked, lambda *run, c=changes: with_memory(*run, **c)), asked)["memory"]
        assert {row["reason"] for rows in found.values() for row in rows} == {NO_READS}


def test_curves_end_at_all_reads_and_at_the_right_ones(statistics):
    rows = statistics["memory"]["reads_by_rank"]
    assert [(row["benchmark"], row["arm"]) for row in rows[:2]] == [("rare_words", "full"), ("rare_words", "kv_only")]
    assert (rows[0]["entries"][0], rows[0]["entries"][5], rows[0]["entries"][-1]) == (0, 0.25, 1)
    quarters = {kind: [rows[0][kind]["mean"][place] for place in (0, 5, 10, 15, 20)] for kind in ("reads", "right")}
    assert quarters == {"reads": pytest.approx([0, 0.6, 0.9, 1, 1]), "right": pytest.approx([0, 0.3, 0.5, 0.6, 0.6])}
    assert np.all(np.diff(rows[0]["right"]["mean"]) >= 0)


def test_the_most_read_entries_are_of_one_named_run(statistics):
    rows = statistics["memory"]["most_read"]
    assert [(r["benchmark"], r["condition"], r["arm"], r["seed"]) for r in rows] == [
        ("rare_words", "two_senses_level1", "full", 1),
        ("sst2", "shots16", "full", 13),
        ("sst2_synthetic", "shots16", "full", 13),
    ]
    assert [entry["text"] for entry in rows[0]["entries"]] == ["b", "c", "a"]
    entry = lookup(statistics["numbers"], "rare_words.two_senses_level1.full.most_read.2.reads")
    assert (entry["text"], entry["unit"], entry["seeds"]) == ("30.0", "percent", [1])
    assert entry["sources"] == ["results/records/rare_words/full.jsonl"]
    stem = "rare_words.two_senses_level1.full.most_read.2"
    assert [text(statistics["numbers"], f"{stem}.{name}") for name in ("label", "count", "number")] == ["1", "2", "2"]


def test_a_missing_text_is_said():
    asked = configuration()
    found = compute_statistics(records(asked, lambda *run: with_memory(*run, texts=["a"])), asked)
    key = "sst2.shots16.full.most_read.1.text"
    assert text(found["numbers"], key) == "undefined: the record holds no text of this entry"
    assert text(found["numbers"], key.replace(".1.", ".3.")) == "a"


def test_a_benchmark_that_was_not_run_says_why():
    asked = configuration()
    found = compute_statistics(records(asked, lambda b, *r: (not_run if b == "sst2" else with_memory)(b, *r)), asked)
    rows = [row for rows in found["memory"].values() for row in rows if row["benchmark"] == "sst2"]
    assert [(row["status"], row["reason"]) for row in rows] == [("not run", "no data")] * 3
    assert text(found["numbers"], "sst2.headline.full.memory_entries.mean") == "not run: no data"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\n\nc\x00d", "a b c d"),
        ("e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "\N{HORIZONTAL ELLIPSIS}"),
        ("", ""),
    ],
)
def test_shortened_texts_are_one_line_of_letters(text, shown):
    assert shorten(text) == shown
