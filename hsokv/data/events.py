"""Labelled texts that come, change and go: a table of events, read, checked or drawn; queries asked meanwhile.

A table has the columns time, event, text and label, and new_label where a label changes:

    add       the text is learnt under the label
    correct   the label of the text was wrong: from now on it is the label
    rename    the label is called new_label, which no text has yet
    merge     the label becomes part of new_label, which is in force
    withdraw  the text is forgotten; or, without a text, the label with all its texts

Rows of one time are one step: after each step the arms are asked.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hsokv.data.examples import Examples, canonical, deduplicate, draw_shots
from hsokv.data.texts import read_table
from hsokv.exceptions import DataError, nearest
from hsokv.files import parse_json

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["time", "event", "text", "label", "new_label"]
NEEDS = {
    "add": ("text", "label"),
    "correct": ("text", "label"),
    "rename": ("label", "new_label"),
    "merge": ("label", "new_label"),
    "withdraw": (),
}
"""The kinds of events, and the columns that each needs."""
OUT_OF_SCOPE = -1
"""The label of a query that belongs to none."""


class Events(NamedTuple):
    """Events that fit each other, numbered: an array [rows] each.

    `step` counts from 0; `kind` is a place in NEEDS; `example` a place in `texts`, `label` and `new_label` places in
    `names`; -1 where there is none.
    """

    step: np.ndarray
    kind: np.ndarray
    example: np.ndarray
    label: np.ndarray
    new_label: np.ndarray
    texts: tuple[str, ...]
    names: tuple[str, ...]


def check_events(table: "pd.DataFrame", name: str) -> Events:
    """Number the events of a table, whose index is the row in the file, after playing them through.

    Raises DataError, which names `name` and the row, for an unknown kind, an empty field that the kind needs, a time
    that is no whole number or earlier than that of the row above, a text that is added while it is in force, a text or
    label that is changed or withdrawn and never came, or has gone, a new name that is taken, and a first event that is
    no `add`.

    >>> import pandas as pd
    >>> table = pd.DataFrame([["1", "add", "where is my card", "card", ""]], columns=COLUMNS, index=[2])
    >>> check_events(table, "life.csv").names
    ('card',)
    """
    labels: dict[str, str] = {}  # of the texts in force
    last, rows = None, []
    texts: dict[str, int] = {}
    names: dict[str, int] = {}
    for row, (time, kind, text, label, new_label) in zip(table.index, table[COLUMNS].to_numpy(), strict=True):
        where, given = f"{name}, row {row}", {"text": text, "label": label, "new_label": new_label}
        if kind not in NEEDS:
            raise DataError(f"{where}: unknown event {kind!r}{nearest(kind, NEEDS)}")
        for column in NEEDS[kind]:
            if not given[column]:
                raise DataError(f"{where}: the event {kind} needs a {column}; fill it in")
        if not time.lstrip("-").isdigit() or (last is not None and int(time) < last):
            raise DataError(f"{where}: expected a whole number as time, not earlier than the row above; got {time!r}")
        last, key = int(time), canonical(text)
        if kind == "add":
            if key in labels:
                raise DataError(f"{where}: the text {text!r} is in force already; use the event correct to change it")
            labels[key] = label
        elif key and (kind == "withdraw" or kind == "correct"):
            if key not in labels:
                why = "was withdrawn before" if key in texts else "never came"
                raise DataError(f"{where}: {kind} of the text {text!r}, which {why}; add it first, or drop the row")
            if kind == "correct":
                labels[key] = label
            elif label and labels[key] != label:
                raise DataError(f"{where}: the text {text!r} has the label {labels[key]!r}, not {label!r}")
            else:
                del labels[key]
        else:
            _change_label(labels, kind, label, new_label, names, where)
        texts.setdefault(key, len(texts)) if key else None
        for value in (label, new_label):
            names.setdefault(value, len(names)) if value else None
        rows.append((last, list(NEEDS).index(kind), texts.get(key, -1), names.get(label, -1), names.get(new_label, -1)))
    first = {}
    for text in table["text"]:
        first.setdefault(canonical(text), text)
    time, *columns = np.array(rows, dtype=np.int64).T
    return Events(np.unique(time, return_inverse=True)[1], *columns, tuple(first[key] for key in texts), tuple(names))


def _change_label(
    labels: dict[str, str], kind: str, label: str, new_label: str, names: Mapping[str, int], where: str
) -> None:
    """Rename, merge or withdraw a whole label in the labels of the texts in force."""
    in_force = set(labels.values())
    if label not in in_force:
        why = "has no text any more" if label in names else "never came"
        raise DataError(f"{where}: {kind} of the label {label!r}, which {why}; add a text of it first, or drop the row")
    if kind == "rename" and new_label in in_force:
        raise DataError(f"{where}: the new name {new_label!r} is that of another label; use the event merge")
    if kind == "merge" and (new_label not in in_force or new_label == label):
        raise DataError(f"{where}: merge of {label!r} into {new_label!r}, which is no other label in force; use rename")
    for key in [key for key, value in labels.items() if value == label]:
        if kind == "withdraw":
            del labels[key]
        else:
            labels[key] = new_label


def without_withdrawn(events: Events) -> Events:
    """The same events for somebody who never saw what is withdrawn in the end.

    Gone are the rows that add, correct or withdraw such a text, and those that change a label which no text has then.
    """
    kinds = list(NEEDS)
    touched: dict[int, list[int]] = {}  # rows by example in force
    labels: dict[int, int] = {}
    gone: set[int] = set()
    for row, (kind, example, label, new_label) in enumerate(zip(*events[1:5], strict=True)):
        kind = kinds[kind]
        if kind in ("add", "correct"):
            touched.setdefault(example, []).append(row)
            labels[example] = label
        elif kind == "withdraw":
            gone.add(row)
            for one in [example] if example >= 0 else [key for key, value in labels.items() if value == label]:
                gone.update(touched.pop(one))
                del labels[one]
        else:
            labels = {key: new_label if value == label else value for key, value in labels.items()}
    labels = {}
    for row, (kind, example, label, new_label) in enumerate(zip(*events[1:5], strict=True)):
        if row in gone:
            continue
        if kinds[kind] in ("rename", "merge"):
            if label not in labels.values():
                gone.add(row)
            labels = {key: new_label if value == label else value for key, value in labels.items()}
        else:
            labels[example] = label
    stays = np.array([row for row in range(len(events.step)) if row not in gone], dtype=np.int64)
    return events._replace(**{name: getattr(events, name)[stays] for name in Events._fields[:5]})


def read_events(path: Path) -> "pd.DataFrame":
    """A user's own table of events; raises what `read_table` does, empty fields apart."""
    return read_table(path, COLUMNS, empty=True)


def read_queries(path: Path, names: tuple[str, ...]) -> Examples:
    """A user's own queries, with the columns text and label; an empty label: out of scope.

    Raises DataError for a label that no event knows.
    """
    table = read_table(path, ["text", "label"], empty=True)
    for row, label in table["label"].items():
        if label and label not in names:
            raise DataError(f"{path}, row {row}: the label {label!r} comes in no event{nearest(label, names)}")
    labels = [names.index(label) if label else OUT_OF_SCOPE for label in table["label"]]
    return Examples(tuple(table["text"]), np.array(labels, dtype=np.int64), names)


def read_clinc150(path: Path, split: str) -> tuple[Examples, Examples]:
    """(pool, queries) of CLINC150: its train texts, and those of its part `split`, `val` or `test`, with what is out of
    scope there. The validation queries have the out-of-scope train texts too, which nothing is learnt from.

    Raises DataError for another file.
    """
    try:
        parts = parse_json(path.read_text(encoding="utf-8"))
        train, queries = parts["train"], [*parts[split], *parts[f"oos_{split}"]]
        queries += parts["oos_train"] if split == "val" else []
        names = tuple(sorted({label for _, label in train}))
        numbers = {name: number for number, name in enumerate(names)} | {"oos": OUT_OF_SCOPE}
        pool, queries = (
            Examples(tuple(text.strip() for text, _ in part), np.array([numbers[label] for _, label in part]), names)
            for part in (train, queries)
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not CLINC150's data_full.json ({error})") from error
    return deduplicate(pool, queries)[:2]


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
    shown, names = draw_shots(pool, shots, seed)[0], list(pool.names)
    order = random.permutation(len(names))
    arrival = {label: place // (len(names) // tasks) for place, label in enumerate(order)}
    rows, truth = [], {}
    for task in range(tasks):
        present = [label for label in order if arrival[label] <= task]
        coming = [row for row, label in enumerate(shown.labels) if arrival[label] == task]
        for row in random.permutation(coming):
            text, label = shown.inputs[row], shown.labels[row]
            truth[text] = names[label]
            given = random.choice([other for other in present if other != label]) if random.random() < wrong else label
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
