"""Tables of events: what is read, what is refused by name, what a twin that never saw the withdrawn is told."""

import numpy as np
import pandas as pd
import pytest

from hsokv.data.events import COLUMNS, KINDS, check_events, draw_life, read_events, read_queries, without_withdrawn
from hsokv.data.examples import Examples
from hsokv.exceptions import DataError

START = [("1", "add", "where is my card", "card", ""), ("1", "add", "send it back", "refund", "")]
POOL = Examples(
    tuple(f"text {label} {number}" for label in range(6) for number in range(8)),
    np.repeat(np.arange(6), 8),
    tuple(f"label{label}" for label in range(6)),
)
LIFE = {"tasks": 3, "shots": 4, "wrong": 0.3, "changed": 0.5, "withdrawn": 0.25, "withdrawn_labels": 0.3, "steps": 2}


def table(*rows):
    return pd.DataFrame([*START, *rows], columns=COLUMNS, index=range(2, 4 + len(rows)))


@pytest.mark.parametrize(
    ("row", "culprit"),
    [
        (("2", "delete", "send it back", "refund", ""), "'delete'"),
        (("2", "withdraw", "never said", "", ""), "'never said', which never came"),
        (("2", "withdraw", "", "loan", ""), "'loan', which never came"),
        (("3", "correct", "gone", "card", ""), "'gone', which is no more in force"),
        (("2", "correct", "never said", "card", ""), "'never said'"),
        (("2", "add", "where  is my card", "refund", ""), "in force already"),
        (("2", "add", "\u200b", "card", ""), "text"),
        (("2", "add", "more", "card", "cards"), "new_label"),
        (("2", "withdraw", "", "", ""), "nothing"),
        (("2", "withdraw", "send it back", "card", ""), "'refund'"),
        (("2", "rename", "", "card", "refund"), "'refund'"),
        (("2", "merge", "", "card", "loan"), "'loan'"),
        (("2", "merge", "", "card", "card"), "'card'"),
        *(((time, "withdraw", "send it back", "", ""), f"{time!r}") for time in ("0", "", "2.0", "\u00b2", "9" * 20)),
    ],
)
def test_events_that_do_not_fit_are_refused_with_their_row(row, culprit):
    before = [("1", "add", "gone", "card", ""), ("1", "withdraw", "gone", "", "")]
    with pytest.raises(DataError, match="row 6") as error:
        check_events(table(*before, row), "life.csv")
    assert culprit in str(error.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("hello,\nwhere is it,card\nmore,cart\n", r"row 4.*'cart'"),
        ("where is it,card\n,card\n", "row 3.*empty"),
        ("where is it,card\nwhere  is my card,card\n", "row 3.*'where  is my card'.*learnt"),
        ("hello,\n", "step 1 no query"),
        ("where is it,card\n", "step 2 no query"),
    ],
)
def test_queries_that_cannot_be_asked_are_refused(tmp_path, rows, said):
    path = tmp_path / "queries.csv"
    path.write_text("text,label\n" + rows)
    rows = [("2", "rename", "", "refund", "back"), ("2", "withdraw", "", "card", "")]
    with pytest.raises(DataError, match=said):
        read_queries(path, check_events(table(*rows), "life.csv"))


def test_labels_that_look_alike_are_one_in_events_and_queries(tmp_path):
    (tmp_path / "life.csv").write_text(
        "time,event,text,label,new_label\n-1,add,a,cafe\u0301,\n-1,add,b,caf\u00e9\u200b,\n007,add,c,my card,\n"
        "1735689600000,rename,,my  card,Card\n"
    )
    events = read_events(tmp_path / "life.csv")
    assert (events.names, events.step.tolist()) == (("caf\u00e9", "my card", "Card"), [0, 0, 1, 2])
    (tmp_path / "queries.csv").write_text("text,label\nq,cafe\u0301\n\nr,my\u00a0card\ns,\n")
    queries = read_queries(tmp_path / "queries.csv", events)
    assert (queries.inputs, queries.labels.tolist()) == (("q", "r", "s"), [0, 1, -1])


def test_a_drawn_life_fits_itself_and_follows_from_its_seed():
    drawn = draw_life(POOL, 1, **LIFE)
    events = check_events(drawn, "drawn")
    assert drawn.equals(draw_life(POOL, 1, **LIFE))
    assert not drawn.equals(draw_life(POOL, 2, **LIFE))
    kinds = np.bincount(events.kind, minlength=len(KINDS))
    assert kinds[KINDS.index("add")] == 24
    assert kinds.min() > 0
    assert len(np.unique(events.step)) == 3 + 4 * 2
    with pytest.raises(DataError, match="divides the 6 labels, got 4"):
        draw_life(POOL, 1, **{**LIFE, "tasks": 4})


def test_after_all_corrections_every_text_has_its_own_label():
    drawn = draw_life(POOL, 3, **{**LIFE, "changed": 0.0, "withdrawn": 0.0, "withdrawn_labels": 0.0})
    for text, label in dict(zip(drawn.text, drawn.label, strict=True)).items():
        assert label == f"label{text.split()[1]}"


def test_a_twin_is_told_nothing_of_what_is_withdrawn():
    events = check_events(draw_life(POOL, 1, **LIFE), "drawn")
    twin = without_withdrawn(events)
    named = set(events.example[events.kind == KINDS.index("withdraw")]) - {-1}
    assert named
    assert not named & set(twin.example)
    assert KINDS.index("withdraw") not in twin.kind
    assert set(twin.step) <= set(events.step)
