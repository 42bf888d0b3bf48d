"""Tables of events: what is read, what is refused by name, what a twin that never saw the withdrawn is told."""

import numpy as np
import pandas as pd
import pytest

from hsokv.data.events import COLUMNS, NEEDS, check_events, draw_life, read_queries, without_withdrawn
from hsokv.data.examples import Examples
from hsokv.exceptions import DataError

START = [("1", "add", "where is my card", "card", ""), ("1", "add", "send it back", "refund", "")]


def table(*rows):
    return pd.DataFrame([*START, *rows], columns=COLUMNS, index=range(2, 4 + len(rows)))


def pool(labels=6, texts=8):
    names = tuple(f"label{number}" for number in range(labels))
    inputs = tuple(f"text {label} {number}" for label in range(labels) for number in range(texts))
    return Examples(inputs, np.repeat(np.arange(labels), texts), names)


LIFE = {"tasks": 3, "shots": 4, "wrong": 0.3, "changed": 0.5, "withdrawn": 0.25, "withdrawn_labels": 0.3, "steps": 2}


@pytest.mark.parametrize(
    ("row", "culprit"),
    [
        (("2", "forget", "where is my card", "", ""), "'forget'"),
        (("2", "withdraw", "never said", "", ""), "'never said'"),
        (("2", "withdraw", "", "loan", ""), "'loan'"),
        (("2", "correct", "never said", "card", ""), "'never said'"),
        (("2", "add", "where  is my card", "refund", ""), "in force already"),
        (("2", "add", "", "card", ""), "text"),
        (("2", "rename", "", "card", "refund"), "'refund'"),
        (("2", "rename", "", "card", ""), "new_label"),
        (("2", "merge", "", "card", "loan"), "'loan'"),
        (("2", "merge", "", "card", "card"), "'card'"),
        (("0", "withdraw", "send it back", "", ""), "'0'"),
        (("soon", "withdraw", "send it back", "", ""), "'soon'"),
        (("2", "withdraw", "send it back", "card", ""), "'refund'"),
    ],
)
def test_events_that_do_not_fit_are_refused_with_their_row(row, culprit):
    with pytest.raises(DataError, match="row 4") as error:
        check_events(table(row), "life.csv")
    assert culprit in str(error.value)


def test_what_was_withdrawn_cannot_be_withdrawn_again():
    gone = ("2", "withdraw", "", "card", "")
    with pytest.raises(DataError, match="row 5"):
        check_events(table(gone, gone), "life.csv")


def test_a_label_of_a_query_that_no_event_knows_is_refused(tmp_path):
    path = tmp_path / "queries.csv"
    path.write_text("text,label\nhello,\nwhere is it,card\nmore,cart\n")
    with pytest.raises(DataError, match=r"row 4.*'cart'"):
        read_queries(path, ("card", "refund"))


def test_a_drawn_life_fits_itself_and_follows_from_its_seed():
    drawn = draw_life(pool(), 1, **LIFE)
    events = check_events(drawn, "drawn")
    assert drawn.equals(draw_life(pool(), 1, **LIFE))
    assert not drawn.equals(draw_life(pool(), 2, **LIFE))
    kinds = np.bincount(events.kind, minlength=len(NEEDS))
    assert kinds[list(NEEDS).index("add")] == 24
    assert kinds.min() > 0
    assert len(np.unique(events.step)) == 3 + 4 * 2


def test_after_all_corrections_every_text_has_its_own_label():
    drawn = draw_life(pool(), 3, **{**LIFE, "changed": 0.0, "withdrawn": 0.0, "withdrawn_labels": 0.0})
    labels = {}
    for row in drawn.itertuples():
        labels[row.text] = row.label
    assert all(label == f"label{text.split()[1]}" for text, label in labels.items())


def test_a_twin_is_told_nothing_of_what_is_withdrawn():
    events = check_events(draw_life(pool(), 1, **LIFE), "drawn")
    twin = without_withdrawn(events)
    kinds = list(NEEDS)
    gone = set(events.example) - set(twin.example)
    named = set(events.example[events.kind == kinds.index("withdraw")]) - {-1}
    assert named <= gone
    assert kinds.index("withdraw") not in twin.kind
    assert set(twin.step) <= set(events.step)


def test_tasks_that_do_not_divide_the_labels_are_refused():
    with pytest.raises(DataError, match="4"):
        draw_life(pool(), 1, **{**LIFE, "tasks": 4})
