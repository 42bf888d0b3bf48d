"""A mistake is refused by a sentence that names it, and changes nothing."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from hsokv.exceptions import ConfigurationError, HsokvError
from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv

from .made import CLASSES, KEY_DIM, NOTHING, copy, draw, draw_labels, empty, filled, same, snapshot, unchanged

COUNTS = [0, 2.5, True, None, "3", 2**63, torch.tensor(3)]
TEMPERATURES = [0, math.inf, math.nan, 1e300, None, "10"]
SETTINGS = {
    **dict.fromkeys(["key_dim", "classes", "capacity", "k", "max_megabytes"], COUNTS),
    "inverse_temperature": TEMPERATURES,
    "origin": [-1, 1.5, "a"],
    "index": ["fais", 3],
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_memory_that_cannot_be_is_refused(name):
    for value in SETTINGS[name]:
        with pytest.raises(ConfigurationError, match=name):
            KeyValueMemory(**{"key_dim": 2, "classes": 2, name: value})


FUNCTIONS = {
    "key_dim >= 1": lambda state: kv.init(2, 0),
    "capacity >= 1, got 0": lambda state: kv.prune(state, 0),
    "k >= 1, got 0": lambda state: kv.read(state, torch.ones(1, 2), 0),
    "max_megabytes >= 1, got 0": lambda state: kv.read(state, torch.ones(1, 2), 1, max_megabytes=0),
    "inverse_temperature": lambda state: kv.label_distribution(kv.read(state, torch.eye(2), 2), -9, CLASSES),
    r"wanted keys \['n', 2\].*got \(1, 3\)": lambda state: kv.write(state, torch.ones(1, 3), torch.tensor([0])),
    r"got \(2, 2\) and \(1,\)": lambda state: kv.write(state, torch.ones(2, 2), torch.tensor([0])),
    r"got \(2,\) and \(\)": lambda state: kv.write(state, torch.ones(2), torch.tensor(0)),
}


@pytest.mark.parametrize("message", FUNCTIONS)
def test_the_functions_refuse_sizes_that_mean_nothing_and_shapes_that_do_not_fit(message):
    state = kv.write(kv.init(2, 2), torch.eye(2), torch.tensor([0, 1]))
    before = copy(state)
    with pytest.raises(HsokvError, match=message):
        FUNCTIONS[message](state)
    assert same(state, before)


ROWS = [
    draw(2, KEY_DIM + 1), draw(KEY_DIM), torch.ones(2, KEY_DIM, dtype=torch.int64), draw(2, KEY_DIM).to_sparse(),
    torch.tensor([[1.0], [0.0]]).expand(2, KEY_DIM), draw(2, KEY_DIM) * math.nan, draw(2, KEY_DIM) * math.inf,
    torch.ones(2, KEY_DIM, device="meta"), draw(2, KEY_DIM).numpy(), None,
]  # fmt: skip
LABELS = [
    draw_labels(3), draw_labels(2)[:, None], torch.zeros(2), torch.tensor([0, 3]), torch.tensor([-1, 0]),
    draw_labels(2).to("meta"), [0, 1],
]  # fmt: skip
SLOTS = [torch.tensor([20]), torch.tensor([-1]), torch.tensor([1.0]), torch.ones(3) > 0, NOTHING.to("meta"), [0], "0"]
NAMES = [3, -1, 1.5, "0", torch.tensor([0, 1]), None]
WRITTEN_APART = filled(0, origin=1)  # its entry is another one of the same origin and number
WRITTEN_APART.write(draw(1, KEY_DIM, seed=1), torch.tensor([0]), origin=0)
OTHERS = [
    WRITTEN_APART,
    KeyValueMemory(5, CLASSES, origin=1),
    filled(seed=1),
    nn.Linear(2, 2),
    filled(origin=1).to("meta"),
]
PROJECTIONS = [
    draw(KEY_DIM + 1, 2), draw(KEY_DIM), draw(KEY_DIM, 0), torch.ones(KEY_DIM, 2, dtype=torch.int64),
    torch.full((KEY_DIM, 2), math.nan), torch.ones(KEY_DIM, 2, device="meta"), np.eye(KEY_DIM),
]  # fmt: skip
MIXED = [
    (draw(5, 4).log_softmax(-1), 0.5), (torch.zeros(5, CLASSES, dtype=torch.int64), 0.5), (None, 0.5),
    (draw(5, CLASSES), 0.5), (draw(5, CLASSES).softmax(-1), 0.5),
    *((draw(5, CLASSES).log_softmax(-1), gate) for gate in (1.1, torch.full((5,), math.nan), torch.zeros(5, 1), None)),
]  # fmt: skip
STATES = [
    {"keys": torch.zeros(20, 7)}, {"labels": torch.full((20,), 9)}, {"keys": torch.full((20, KEY_DIM), math.nan)},
    {"count": torch.full((20,), math.inf)}, {"number": torch.zeros(20)}, {"count": torch.ones(3)},
]  # fmt: skip
CALLS = {
    "write": [lambda m, x=x: m.write(x, draw_labels(2)) for x in ROWS],
    "labels": [lambda m, y=y: m.write(draw(2, KEY_DIM), y) for y in LABELS],
    "origin": [lambda m, x=x: m.write(draw(2, KEY_DIM), draw_labels(2), origin=x) for x in (1.5, "a", -1)],
    "read": [lambda m, x=x: m(x) for x in ROWS],
    "k": [lambda m, k=k: m.read(draw(1, KEY_DIM), k=k) for k in (0, 2.5, True, 13)],
    "forget": [lambda m, x=x: m.forget(x) for x in SLOTS],
    "forget one of both": [lambda m: m.forget(), lambda m: m.forget(NOTHING, label=0)],
    "forget a label": [lambda m, x=x: m.forget(label=x) for x in NAMES],
    "relabel": [lambda m, x=x: m.relabel(NOTHING, x) for x in NAMES] + [lambda m: m.relabel([0], 1)],
    "merge": [lambda m, x=x: m.merge(x) for x in OTHERS],
    "resize": [lambda m, x=x: m.resize(x) for x in COUNTS],
    "projection": [lambda m, x=x: m.set_projection(x) for x in PROJECTIONS],
    "mix": [lambda m, x=x: m.mix(x[0], draw(5, KEY_DIM), x[1]) for x in MIXED],
    "state": [lambda m, x=x: setattr(m, "state", m.state._replace(**x)) for x in STATES],
}


@pytest.mark.parametrize("projection", [None, draw(KEY_DIM, 2)], ids=["plain", "projected"])
@pytest.mark.parametrize("what", CALLS)
def test_a_mistake_is_refused_and_changes_nothing(what, projection):
    memory = filled()
    memory.set_projection(projection)
    before = snapshot(memory)
    for i, call in enumerate(CALLS[what]):
        with pytest.raises(HsokvError):
            call(memory)
        assert unchanged(memory, before), i


def test_bad_queries_are_refused_even_by_an_empty_memory():
    for rows in (ROWS[0], *ROWS[4:7]):
        with pytest.raises(HsokvError, match="queries"):
            empty()(rows)


def test_a_memory_without_numbers_says_what_to_do():
    memory = filled().to("meta")
    for call in (memory, lambda rows: memory.write(rows, draw_labels(2).to("meta"))):
        with pytest.raises(HsokvError, match="reset_parameters"):
            call(draw(2, KEY_DIM).to("meta"))
    assert "entries=?" in repr(memory)
    memory = memory.to_empty(device="cpu")
    memory.reset_parameters()
    assert unchanged(memory, snapshot(empty()))
