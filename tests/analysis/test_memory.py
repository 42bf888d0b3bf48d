"""Known answers about the inside of a memory; what a record does not tell is left out or said, never guessed."""

import numpy as np
import pytest

from hsokv.analysis.memory import NO_READS, shorten
from hsokv.analysis.numbers import Numbers
from hsokv.analysis.scores import FLIPS, examples_of, scores_of

from .study import HELD, analysed, configuration, memory, not_run, record, with_memory

RUN = ("rare_words", "two_senses_level1", "full", 1)


def scores_of_memory(instruments) -> dict[str, float]:
    scores = scores_of(record(*RUN, instruments=instruments))
    return {name.removeprefix("memory_"): score for name, score in scores.items() if name.startswith("memory_")}


def test_scores_of_four_entries_by_hand_and_none_where_a_record_does_not_tell():
    expected = {"entries": 4, "class_min": 1, "class_median": 1, "class_max": 2, "consolidated": 0.25}
    expected |= {"age_mean": 2.25, "age_oldest": 4, "age_read": pytest.approx((1 * 4 + 6 * 3 + 3 * 2) / 10)}
    assert scores_of_memory({"memory": memory()}) == expected | {
        "never_read": 0.25,
        "top_tenth": 0.6,
        "top_tenth_right": 0.5,
    }
    assert scores_of_memory({}) == scores_of_memory({"memory": {"labels": [0, 1]}}) == {}


def test_an_empty_memory_and_one_that_was_never_read():
    nothing, unread = {name: [] for name in memory()}, {"reads": [0] * 4, "right": [0] * 4}
    assert scores_of_memory({"memory": nothing}) == {"entries": 0}
    assert not {"top_tenth", "top_tenth_right", "age_read"} & set(scores_of_memory({"memory": memory(**unread)}))
    for changes in (nothing, unread):
        found = analysed(
            configuration(), lambda b, *run, c=changes: not_run(b, *run) if b == "sst2" else with_memory(b, *run, **c)
        )
        for frame in (found.memory_reads, found.most_read):
            assert frame.groupby(frame["benchmark"] == "sst2")["reason"].agg(set).tolist() == [{NO_READS}, {"no data"}]


def test_every_example_is_of_one_kind_and_what_is_lost_is_corrected_minus_harmed():
    run = with_memory("sst2", "shots16", "full", 20, **HELD)
    scores, examples = scores_of(run), examples_of(run)
    assert [scores[f"memory_{kind}"] for kind in FLIPS] == [6 / 20, 4 / 20, 8 / 20, 2 / 20]
    assert (scores["memory_corrected_examples"], scores["memory_harmed_examples"]) == (6, 4)
    np.testing.assert_array_equal(sum(examples[f"memory_{kind}"] for kind in FLIPS), 1)
    lost = examples["memory_corrected"] - examples["memory_harmed"]
    np.testing.assert_array_equal(examples["accuracy_lost_without_memory"], lost)


def test_curves_end_at_all_reads_and_the_most_read_are_of_one_named_run_whose_missing_text_is_said():
    found = analysed(configuration(), lambda *run: with_memory(*run, texts=["a", "b"]))
    reads = found.memory_reads.query("benchmark == 'rare_words' and arm == 'full'")
    quarters = reads[reads["entries"].isin([0, 0.25, 0.5, 0.75, 1])].groupby("kind")["mean"].agg(list)
    assert quarters["reads"] == pytest.approx([0, 0.6, 0.9, 1, 1])
    assert quarters["right"] == pytest.approx([0, 0.3, 0.5, 0.6, 0.6])
    entries = found.most_read[found.most_read["benchmark"] == "rare_words"]
    assert set(zip(entries["condition"], entries["arm"], entries["seed"], strict=True)) == {RUN[1:]}
    assert entries["text"].tolist() == ["b", "", "a"]
    numbers, stem = Numbers(found), "rare_words.two_senses_level1.full.most_read.2"
    assert [numbers[f"{stem}.{name}"].text for name in ("label", "count", "number", "reads")] == ["1", "2", "2", "30.0"]
    assert (numbers[f"{stem}.text"].value, numbers[f"{stem}.text"].status) == (None, "undefined")


def test_shortened_texts_are_one_line_of_letters():
    assert shorten("a\tb\n\nc\x00d e\N{COMBINING ACUTE ACCENT}") == "a b c d \N{LATIN SMALL LETTER E WITH ACUTE}"
    assert (shorten("x" * 60), shorten("x" * 61)) == ("x" * 60, "x" * 59 + "\N{HORIZONTAL ELLIPSIS}")
