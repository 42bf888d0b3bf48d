"""Labelled texts that come, change and go: a table of events, read, checked or drawn; queries asked meanwhile.

A table has the columns time, event, text and label, and new_label where a label changes:

    add       the text is learnt under the label
    correct   the label of the text was wrong: from now on it is the label
    rename    the label is called new_label, which no text has yet
    merge     the label becomes part of new_label, which is in force
    withdraw  the text is forgotten; or, without a text, the label with all its texts

Rows of one time are one step: after each step the arms are asked.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hsokv.data.examples import Examples, as_printed, canonical, draw_shots
from hsokv.data.texts import OUT_OF_SCOPE, read_table
from hsokv.exceptions import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["time", "event", "text", "label", "new_label"]
FIELDS = {
    "add": (("text", "label"),),
    "correct": (("text", "label"),),
    "rename": (("label", "new_label"),),
    "merge": (("label", "new_label"),),
    "withdraw": (("text",), ("label",), ("text", "label")),
}
"""The kinds of events, and the columns, one group or another, that each fills in."""
KINDS = list(FIELDS)


class Events(NamedTuple):
    """Events that fit each other, numbered: an array [rows] each.

    `step` counts from 0; `kind` is a place in KINDS; `example` a place in `texts`, `label` and `new_label` places in
    `names`; -1 where there is none.
    """

    step: np.ndarray
    kind: np.ndarray
    example: np.ndarray
    label: np.ndarray
    new_label: np.ndarray
    texts: tuple[str, ...]
    names: tuple[str, ...]

    def take(self, rows: np.ndarray) -> "Events":
        """The events at `rows`, places or a mask."""
        return Events(*(part[rows] for part in self[:5]), self.texts, self.names)


def check_events(table: "pd.DataFrame", name: str) -> Events:
    """Number the events of a table, whose index is the row in the file, after playing them through.

    Raises DataError, which names `name` and the row, for an unknown kind, fields that are not those of the kind, a time
    that is no whole number or earlier than that of the row above, a text that is added while it is in force, a text or
    label that is changed or withdrawn and never came, or has gone, a new name that is taken, and a first event that is
    no `add`.

    >>> import pandas as pd
    >>> table = pd.DataFrame([["1", "add", "where is my card", "card", ""]], columns=COLUMNS, index=[2])
    >>> check_events(table, "life.csv").names
    ('card',)
    """
    labels: dict[str, str] = {}  # of the texts in force
    texts: dict[str, str] = {}  # as they came first
    names: dict[str, int] = {}
    last, rows = None, []
    for row, (time, kind, text, *given) in zip(table.index, table[COLUMNS].to_numpy(), strict=True):
        label, new_label = map(as_printed, given)
        where, key = f"{name}, row {row}", canonical(text)
        _check_fields(where, kind, {"text": key, "label": label, "new_label": new_label})
        if not re.fullmatch("-?[0-9]{1,18}", time) or (last is not None and int(time) < last):
            raise DataError(f"{where}: expected a whole number as time, not earlier than the row above; got {time!r}")
        last = int(time)
        touched = [key] if key else [one for one, value in labels.items() if value == label]
        if kind == "add":
            if key in labels:
                raise DataError(f"{where}: the text {text!r} is in force already; use the event correct to change it")
        elif not touched or touched[0] not in labels:
            what, came = (f"text {text!r}", key in texts) if key else (f"label {label!r}", label in names)
            why = "is no more in force" if came else "never came"
            raise DataError(f"{where}: {kind} of the {what}, which {why}; add it first, or drop the row")
        elif kind == "withdraw" and key and label and labels[key] != label:
            raise DataError(f"{where}: the text {text!r} has the label {labels[key]!r}, not {label!r}")
        elif kind == "rename" and new_label in labels.values():
            raise DataError(f"{where}: the new name {new_label!r} is that of another label; use the event merge")
        elif kind == "merge" and (new_label not in labels.values() or new_label == label):
            raise DataError(f"{where}: merge of {label!r} into {new_label!r}, which is no other label in force")
        for one in touched:
            if kind == "withdraw":
                del labels[one]
            else:
                labels[one] = new_label or label
        texts.setdefault(key, text)
        for value in (label, new_label):
            names.setdefault(value, len(names)) if value else None
        rows.append((last, KINDS.index(kind), key, names.get(label, -1), names.get(new_label, -1)))
    texts.pop("", None)
    number = {key: place for place, key in enumerate(texts)} | {"": -1}
    time, *columns = np.array([(*row[:2], number[row[2]], *row[3:]) for row in rows], dtype=np.int64).T
    return Events(np.unique(time, return_inverse=True)[1], *columns, tuple(texts.values()), tuple(names))


def _check_fields(where: str, kind: str, given: dict[str, str]) -> None:
    if kind not in FIELDS:
        raise DataError(f"{where}: unknown event {kind!r}{nearest(kind, FIELDS)}")
    if (filled := tuple(column for column in given if given[column])) not in FIELDS[kind]:
        wanted = " or ".join(" and ".join(columns) for columns in FIELDS[kind])
        raise DataError(f"{where}: the event {kind} needs {wanted}, filled in: {' and '.join(filled) or 'nothing'}")


def replay(events: Events) -> Iterator[tuple[int, str, list[int], dict[int, int]]]:
    """Row by row its number, its kind, the examples that it touches, and the labels of those in force after it."""
    labels: dict[int, int] = {}
    for row, (kind, example, label, new_label) in enumerate(zip(*(part.tolist() for part in events[1:5]), strict=True)):
        touched = [example] if example >= 0 else [one for one, value in labels.items() if value == label]
        if KINDS[kind] == "withdraw":
            for one in touched:
                del labels[one]
        else:
            labels |= dict.fromkeys(touched, new_label if new_label >= 0 else label)
        yield row, KINDS[kind], touched, labels


def without_withdrawn(events: Events) -> Events:
    """The same events for somebody who never saw what is withdrawn in the end.

    Gone are the rows that add, correct or withdraw such a text, and those that change a label which no text has then.
    """
    of_example, stays = defaultdict(list), np.ones(len(events.step), bool)
    for row, kind, touched, _ in replay(events):
        if kind == "withdraw":
            stays[[row, *(one for example in touched for one in of_example.pop(example))]] = False
        elif events.example[row] >= 0:
            of_example[touched[0]].append(row)
    events = events.take(stays)
    return events.take(np.array([bool(touched) for _, _, touched, _ in replay(events)], bool))


def read_events(path: Path) -> Events:
    """A user's own table of events; raises what `read_table`, empty fields apart, and `check_events` do."""
    return check_events(read_table(path, COLUMNS, empty=True), str(path))


def read_queries(path: Path, events: Events) -> Examples:
    """A user's own queries, with the columns text and label, under its first name; an empty label: out of scope.

    Raises DataError for an empty text, one that is learnt from, a label that no event knows, and where after some step
    no query has a label in force.
    """
    table = read_table(path, ["text", "label"], empty=True)
    names, learnt = events.names, set(map(canonical, events.texts))
    labels = table["label"].map(as_printed)
    for row, (text, label) in zip(table.index, zip(table["text"], labels, strict=True), strict=True):
        if not text or canonical(text) in learnt:
            raise DataError(f"{path}, row {row}: the text {text!r} is {'learnt in the events' if text else 'empty'}")
        if label and label not in names:
            raise DataError(f"{path}, row {row}: the label {label!r} comes in no event{nearest(label, names)}")
    numbers = np.array([names.index(label) if label else OUT_OF_SCOPE for label in labels], dtype=np.int64)
    called, ends = np.arange(len(names)), np.append(np.diff(events.step), 1)
    for row, kind, _, in_force in replay(events):
        if kind in ("rename", "merge"):
            called[called == events.label[row]] = events.new_label[row]
        if ends[row] and not np.isin(called[numbers[numbers >= 0]], [*in_force.values()]).any():
            raise DataError(f"{path}: after step {events.step[row] + 1} no query has a label in force; add some")
    return Examples(tuple(table["text"]), numbers, names)


def draw_life(
    pool: Examples,
    seed: int,
    tasks: int,
    shots: int,
    wrong: float,
    changed: float,
    withdrawn: float,
    withdrawn_labels: float,
    steps: int,
) -> "pd.DataFrame":
    """The life of the labels of a pool, as a table of events: they come, are put right, change and go.

    In an order of the seed's the labels come in `tasks` steps, with `shots` texts each, of which a share `wrong` comes
    under a label that is not theirs. Then, in `steps` steps each: a share `changed` of the labels is renamed or merged
    into another; every wrong label is corrected; a share `withdrawn` of the texts is withdrawn; a share
    `withdrawn_labels` of the labels is.

    Raises DataError where the tasks cannot share the labels out evenly, or a class has fewer than 2 `shots` texts.
    """
    import pandas as pd

    if len(pool.names) % tasks:
        raise DataError(f"expected a number of tasks that divides the {len(pool.names)} labels, got {tasks}")
    random = np.random.default_rng(seed)
    shown, names, per_task = draw_shots(pool, shots, seed)[0], list(pool.names), len(pool.names) // tasks
    order = random.permutation(len(names))
    rows, truth = [], {}
    for task in range(tasks):
        present = order[: (task + 1) * per_task]
        for row in random.permutation(np.flatnonzero(np.isin(shown.labels, present[-per_task:]))):
            text, label = shown.inputs[row], shown.labels[row]
            truth[text] = names[label]
            given = random.choice(present[present != label]) if random.random() < wrong else label
            rows.append((task, "add", text, names[given], ""))
    mistaken = {text for _, _, text, label, _ in rows if truth[text] != label}
    affected = random.permutation(names)[: round(changed * len(names))].tolist()
    others, current = sorted(set(names) - set(affected)), {name: name for name in names}
    time, in_force = tasks, {row[3] for row in rows}

    def spread(part: list[tuple[str, str, str, str]]) -> None:
        nonlocal time
        for some in np.array_split(np.arange(len(part)), steps):
            rows.extend((time, *part[i]) for i in some)
            time += 1

    changes = []
    for place, name in enumerate(affected):
        current[name] = str(random.choice(others)) if place % 2 else f"{name} (new)"
        if name in in_force:
            changes.append(("merge" if place % 2 else "rename", "", name, current[name]))
    spread(changes)
    spread([("correct", text, current[truth[text]], "") for text in random.permutation(sorted(mistaken)).tolist()])
    forgotten = random.permutation(sorted(truth)).tolist()[: round(withdrawn * len(truth))]
    spread([("withdraw", text, "", "") for text in forgotten])
    left = {current[label] for text, label in truth.items() if text not in set(forgotten)}
    leaving = random.permutation(sorted(left)).tolist()[: round(withdrawn_labels * len(names))]
    spread([("withdraw", "", label, "") for label in leaving])
    return pd.DataFrame(rows, columns=COLUMNS).astype({"time": str})
