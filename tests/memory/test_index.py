"""Laws of an index: it finds what products find, or most of it, and what was written since it was made."""

import importlib.util
from functools import cache

import pytest
import torch

from hsokv.exceptions import ConfigurationError
from hsokv.memory import KeyValueMemory

from .made import draw

N, DIM = 2500, 12
INDICES = ["faiss", "hnsw", "ivf"]


@pytest.fixture(autouse=True)
def _a_search_from_fewer_entries_on(monkeypatch):
    monkeypatch.setattr("hsokv.memory.module.INDEX_FROM", 2000)


@cache
def vectors():
    """Vectors around 200 centres, as features of texts lie."""
    return draw(200, DIM)[torch.arange(N) % 200] + 0.3 * draw(N, DIM, seed=1)


def filled(index, capacity=N + 100):
    memory = KeyValueMemory(DIM, 5, capacity=capacity, index=index)
    memory.write(vectors(), torch.arange(N) % 5)
    return memory


@pytest.mark.parametrize("index", INDICES)
def test_an_index_that_is_not_installed_is_refused(index, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"hsokv\[faiss\]"):
        KeyValueMemory(2, 2, index=index)
    KeyValueMemory(2, 2)


@pytest.mark.parametrize("index", INDICES)
def test_it_finds_what_products_find_or_most_of_it(index):
    memory, exact, queries = filled(index), filled(None), vectors()[:200] + 0.1 * draw(200, DIM, seed=2)
    found, expected = memory.read(queries), exact.read(queries)
    pairs = zip(found.slots.tolist(), expected.slots.tolist(), strict=True)
    share = sum(len(set(a) & set(b)) for a, b in pairs) / expected.slots.numel()
    assert share == 1 if index == "faiss" else share > 0.8
    assert (found.similarity.diff(dim=-1) < 1e-6).all()
    same = found.slots == expected.slots
    torch.testing.assert_close(found.similarity[same], expected.similarity[same])
    assert torch.equal(found.labels, found.slots % 5)
    assert memory.read(queries[:0]).slots.shape == (0, 16)
    assert memory.read(queries[:6].view(2, 3, DIM), k=3).slots.shape == (2, 3, 3)
    learns = queries[:5].clone().requires_grad_()
    memory(learns)[:, 0].sum().backward()
    assert learns.grad.count_nonzero()
    assert memory.log_inverse_temperature.grad.isfinite()


@pytest.mark.parametrize("index", INDICES)
def test_what_was_written_since_is_found_and_what_was_forgotten_is_not(index):
    memory, expected, queries, new = filled(index), filled(None), vectors()[:20], 10 * draw(20, DIM, seed=3)
    memory.read(queries)
    for each in (memory, expected):
        each.write(new, torch.arange(20) % 5)
    found = memory.read(new, k=1)
    torch.testing.assert_close(found.similarity, torch.ones(20, 1))
    assert found.slots.flatten().tolist() == list(range(N, N + 20))
    for each in (memory, expected):
        each.forget(torch.arange(20))
    similarity = memory.read(queries).similarity
    assert (similarity < 1 - 1e-6).all()
    torch.testing.assert_close(similarity, expected.read(queries).similarity, atol=0.1, rtol=0)


@pytest.mark.parametrize("index", INDICES)
def test_entries_that_moved_or_left_are_read_as_they_are_now(index):
    """Into a full memory: rows that are averaged, rows of a small class that take the place of others."""
    memory = filled(index, capacity=N)
    memory.read(vectors()[:1])
    for i in range(30):
        memory.write(vectors()[i : i + 1] + draw(1, DIM, seed=i), torch.tensor([i % 5]))
    found, exact = memory.read(vectors()[:50]), memory.state
    expected = torch.cosine_similarity(exact.keys[found.slots], vectors()[:50, None], dim=-1).clamp(0, 1)
    torch.testing.assert_close(found.similarity, expected)
    assert torch.equal(found.count, exact.count[found.slots])


def test_a_few_entries_need_no_index_and_a_projection_has_none():
    few, exact = (KeyValueMemory(DIM, 5, index=index) for index in ("hnsw", None))
    for memory in (few, exact):
        memory.write(vectors()[:50], torch.arange(50) % 5)
    assert torch.equal(few(vectors()[:9]), exact(vectors()[:9]))
    with pytest.raises(ConfigurationError, match="projection"):
        few.set_projection(torch.eye(DIM))


def test_another_checkpoint_makes_another_index():
    memory, other = filled("ivf"), KeyValueMemory(DIM, 5, capacity=N + 100)
    memory.read(vectors()[:1])
    other.write(vectors().flip(0), torch.arange(N) % 5)
    memory.load_state_dict(other.state_dict())
    assert memory.read(vectors()[:9], k=1).slots.flatten().tolist() == list(range(N - 1, N - 10, -1))
