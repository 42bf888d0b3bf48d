"""A mistake is refused by a sentence that names it, and changes nothing."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from hsokv.exceptions import ConfigurationError, DataError, HsokvError
from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv

from .made import CLASSES, KEY_DIM, NOTHING, copy, draw, draw_labels, empty, filled, same, snapshot, unchanged

COUNTS = [0, -1, 2.5, True, None, "3", 2**63, torch.tensor(3)]
TEMPERATURES = [0, -9, math.inf, math.nan, 1e300, None, "10"]
SETTINGS = {
    **dict.fromkeys(["key_dim", "classes", "capacity", "k", "max_megabytes"], COUNTS),
    "inverse_temperature": TEMPERATURES,
    "origin": [-1, 1.5, "a", True, 2**70],
    "index": ["fais", 3],
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_memory_that_cannot_be_is_refused(name):
    for value in SETTINGS[name]:
        with pytest.raises(ConfigurationError, match=name):
            KeyValueMemory(**{"key_dim": 2, "classes": 2, name: value})


FUNCTIONS = {
    "capacity >= 1": lambda state: kv.init(0, 2),
    "key_dim >= 1": lambda state: kv.init(2, 0),
    "k >= 1, got 0": lambda state: kv.read(state, torch.ones(1, 2), 0),
    "max_megabytes >= 1, got 0": lambda state: kv.read(state, torch.ones(1, 2), 1, max_megabytes=0),
    "inverse_temperature": lambda state: kv.label_distribution(kv.read(state, torch.eye(2), 2), -9, CLASSES),
    "capacity >= 1, got 0": lambda state: kv.prune(state, 0),
    r"wanted keys \['n', 2\].*got \(1, 3\)": lambda state: kv.write(state, torch.ones(1, 3), torch.tensor([0])),
    r"got \(2, 2\) and \(1,\)": lambda state: kv.write(state, torch.ones(2, 2), torch.tensor([0])),
    r"got \(4, 1, 2\)": lambda state: kv.write(state, torch.ones(4, 1, 2), torch.zeros(4, 1, dtype=torch.int64)),
    r"got \(2,\) and \(\)": lambda state: kv.write(state, torch.ones(2), torch.tensor(0)),
}


@pytest.mark.parametrize("message", FUNCTIONS)
def test_the_functions_refuse_sizes_that_mean_nothing_and_shapes_that_do_not_fit(message):
    state = kv.write(kv.init(2, 2), torch.eye(2), torch.tensor([0, 1]))
    before = copy(state)
    with pytest.raises((ConfigurationError, DataError), match=message):
        FUNCTIONS[message](state)
    assert same(state, before)


def test_whole_numbers_of_numpy_are_numbers():
    memory = empty(capacity=np.int64(3), k=np.int32(2), inverse_temperature=np.float32(8), origin=np.uint8(1))
    memory.write(draw(9, KEY_DIM), draw_labels(9))
    memory.resize(np.int64(2))
    memory.forget(label=np.int64(0))
    assert memory.read(draw(1, KEY_DIM), k=np.int64(1)).slots.shape == (1, 1)


ROWS = {
    "another dimension": draw(2, KEY_DIM + 1),
    "one row": draw(KEY_DIM),
    "whole numbers": torch.ones(2, KEY_DIM, dtype=torch.int64),
    "complex": draw(2, KEY_DIM).to(torch.complex64),
    "zero": draw(2, KEY_DIM) * torch.tensor([[1.0], [0.0]]),
    "NaN": draw(2, KEY_DIM) * math.nan,
    "infinity": draw(2, KEY_DIM).masked_fill(torch.eye(2, KEY_DIM) > 0, math.inf),
    "another device": torch.ones(2, KEY_DIM, device="meta"),
    "sparse": draw(2, KEY_DIM).to_sparse(),
    "an array": draw(2, KEY_DIM).numpy(),
    "a list": draw(2, KEY_DIM).tolist(),
    "nothing": None,
}
LABELS = [
    draw_labels(3), draw_labels(2)[:, None], torch.zeros(2), draw_labels(2).int(), draw_labels(2) > 0,
    torch.tensor([0, 3]), torch.tensor([-1, 0]), draw_labels(2).to("meta"), [0, 1], np.array([0, 1]), None,
]  # fmt: skip
SLOTS = [
    torch.tensor([20]), torch.tensor([-1]), torch.tensor([1.0]), torch.tensor([1], dtype=torch.int32),
    torch.ones(3, dtype=torch.bool), NOTHING.to("meta"), [0], np.array([0]), 0, "0",
]  # fmt: skip
NAMES = [3, -1, 1.5, "0", math.nan, torch.tensor(1.0), torch.tensor([0, 1])]
OTHERS = [
    KeyValueMemory(5, CLASSES, origin=1), KeyValueMemory(KEY_DIM, 4, origin=1), filled(seed=1), nn.Linear(2, 2), None,
    filled(origin=1).to("meta"),
]  # fmt: skip
PROJECTIONS = [
    draw(KEY_DIM + 1, 2), draw(KEY_DIM), draw(KEY_DIM, 0), torch.ones(KEY_DIM, 2, dtype=torch.int64),
    torch.full((KEY_DIM, 2), math.nan), torch.ones(KEY_DIM, 2, device="meta"), np.eye(KEY_DIM), nn.Linear(KEY_DIM, 2),
]  # fmt: skip
MIXED = [
    (torch.zeros(5, 4), 0.5), (torch.zeros(CLASSES), 0.5), (torch.zeros(5, CLASSES, dtype=torch.int64), 0.5),
    (np.zeros((5, CLASSES)), 0.5), (None, 0.5), (torch.zeros(5, CLASSES), torch.zeros(5, 1)),
    *((torch.zeros(5, CLASSES), gate) for gate in (1.1, -0.1, torch.full((5,), math.nan), None, "half", 0.5j)),
]  # fmt: skip


def changed(name, value):
    return lambda m: setattr(m, "state", m.state._replace(**{name: value(getattr(m.state, name))}))


CALLS = {
    **{f"write {name}": lambda m, x=rows: m.write(x, draw_labels(2)) for name, rows in ROWS.items()},
    "write axes": lambda m: m.write(draw(2, 2, KEY_DIM), torch.zeros(2, 2, dtype=torch.int64)),
    **{f"label {i}": lambda m, y=labels: m.write(draw(2, KEY_DIM), y) for i, labels in enumerate(LABELS)},
    **{f"origin {x!r}": lambda m, x=x: m.write(draw(2, KEY_DIM), draw_labels(2), origin=x) for x in (1.5, "a", -1)},
    **{f"read {name}": lambda m, x=rows: m(x) for name, rows in ROWS.items()},
    **{f"k {k!r}": lambda m, k=k: m.read(draw(1, KEY_DIM), k=k) for k in (*COUNTS[:4], "3", 13)},
    **{f"forget {i}": lambda m, x=slots: m.forget(x) for i, slots in enumerate(SLOTS)},
    **{f"relabel {i}": lambda m, x=slots: m.relabel(x, 1) for i, slots in enumerate(SLOTS)},
    **{f"forget label {x!r}": lambda m, x=x: m.forget(label=x) for x in NAMES},
    **{f"relabel as {x!r}": lambda m, x=x: m.relabel(NOTHING, x) for x in (*NAMES, None)},
    "forget nothing": lambda m: m.forget(),
    "forget both": lambda m: m.forget(NOTHING, label=0),
    **{f"merge {i}": lambda m, x=other: m.merge(x) for i, other in enumerate(OTHERS)},
    **{f"resize {x!r}": lambda m, x=x: m.resize(x) for x in COUNTS},
    **{f"projection {i}": lambda m, x=x: m.set_projection(x) for i, x in enumerate(PROJECTIONS)},
    **{f"mix {i}": lambda m, x=x: m.mix(x[0], draw(5, KEY_DIM), x[1]) for i, x in enumerate(MIXED)},
    "mix list": lambda m: m.mix(torch.zeros(2, CLASSES), [[1.0] * KEY_DIM] * 2, 0.5),
    "state of another key_dim": lambda m: setattr(m, "state", kv.init(5, 7)),
    "state of many": lambda m: setattr(m, "state", kv.init(5, KEY_DIM, (2,))),
    "state of unknown labels": changed("labels", lambda labels: labels + 9),
    "state with NaN": changed("keys", lambda keys: keys * math.nan),
    "state with infinite counts": changed("count", lambda count: count / 0),
    "state of floats": changed("number", lambda number: number.float()),
    "state of parts": changed("count", lambda count: count[:3]),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_mistake_is_refused_and_changes_nothing(case):
    for projection in (None, draw(KEY_DIM, 2)):
        memory = filled()
        memory.set_projection(projection)
        before = snapshot(memory)
        with pytest.raises(HsokvError):
            CALLS[case](memory)
        assert unchanged(memory, before)


def test_bad_queries_are_refused_even_by_an_empty_memory():
    for case in ("zero", "NaN", "another dimension"):
        with pytest.raises(HsokvError, match="queries"):
            empty()(ROWS[case])


def test_a_memory_without_numbers_says_what_to_do():
    memory = filled().to("meta")
    for call in (memory, lambda rows: memory.write(rows, draw_labels(2).to("meta"))):
        with pytest.raises(HsokvError, match="reset_parameters"):
            call(draw(2, KEY_DIM).to("meta"))
