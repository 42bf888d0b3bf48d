"""What is forgotten leaves no trace in any bit, what is relabelled keeps its place, what is merged is there once."""

import pytest
import torch

from hsokv.memory import KeyValueMemory
from hsokv.memory.kernel_ridge import kernel_ridge_weights

from .modules import KEY_DIM, NOTHING, content, draw, empty, filled, snapshot, unchanged


def written(rows, labels):
    memory = KeyValueMemory(key_dim=rows.shape[1], classes=4, capacity=40, k=5)
    for start in range(0, len(rows), 7):
        memory.write(rows[start : start + 7], labels[start : start + 7])
    return memory


@pytest.fixture
def entries():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(30, 6, generator=generator), torch.arange(30) % 4, torch.randn(9, 6, generator=generator)


def test_a_memory_that_was_never_full_answers_as_one_that_never_saw_the_forgotten(entries):
    rows, labels, queries = entries
    gone = torch.zeros(30, dtype=torch.bool)
    gone[[0, 3, 11, 28, 29]] = True
    memory, twin = written(rows, labels), written(rows[~gone], labels[~gone])
    memory.forget(gone.nonzero())
    for mine, theirs in zip(memory.read(queries), twin.read(queries), strict=True):
        assert torch.equal(mine, theirs)
    assert torch.equal(memory(queries), twin(queries))


def test_relabelled_entries_answer_as_if_written_so(entries):
    rows, labels, queries = entries
    memory, twin = written(rows, labels), written(rows, torch.where(labels == 2, 3, labels))
    memory.relabel((memory.labels == 2) & (memory.number >= 0), 3)
    assert torch.equal(memory(queries), twin(queries))


def test_kernel_ridge_weights_solve_the_system_and_pass_over_free_slots():
    generator = torch.Generator().manual_seed(1)
    keys = torch.nn.functional.normalize(torch.randn(4, 5, generator=generator), dim=-1)
    query = torch.nn.functional.normalize(torch.randn(1, 5, generator=generator), dim=-1)
    similarity, gram, b, noise = (query @ keys.mT).clamp(0, 1), keys @ keys.mT, 3.0, 0.2
    weights = kernel_ridge_weights(similarity, gram.unsqueeze(0), torch.ones(1, 4, dtype=torch.bool), b, noise)
    system = torch.exp(b * (gram - 1)) + noise * torch.eye(4)
    assert torch.allclose(system @ weights[0], torch.exp(b * (similarity[0] - 1)), atol=1e-5)
    part = torch.tensor([[True, True, False, True]])
    some = kernel_ridge_weights(similarity, gram.unsqueeze(0), part, b, noise)
    kept = torch.tensor([0, 1, 3])
    alone = kernel_ridge_weights(similarity[:, kept], gram[kept][:, kept].unsqueeze(0), part[:, kept], b, noise)
    assert some[0, 2] == 0
    assert torch.allclose(some[:, kept], alone, atol=1e-6)


def test_forgetting_a_label_leaves_the_others_as_they_were():
    memory = filled()
    expected = [entry for entry in content(memory) if entry[2] != 1]
    memory.forget(label=1)
    assert content(memory) == expected
    before = snapshot(memory)
    memory.forget(label=1)
    assert unchanged(memory, before)


def test_slots_and_their_mask_forget_the_same():
    features = draw(12, KEY_DIM)
    one, other = filled(), filled()
    one.forget(one.read(features[:3], k=1).slots)
    other.forget(torch.arange(20) < 3)
    assert content(one) == content(other) == content(filled())[3:]
    assert one.read(features[:1], k=1).similarity < 0.999


def test_forgetting_free_slots_or_none_changes_nothing():
    memory = filled()
    before = snapshot(memory)
    memory.forget(torch.tensor([19]))
    memory.forget(NOTHING)
    assert unchanged(memory, before)


def test_merging_twice_is_merging_once_and_only_the_capacity_of_one_counts():
    one, other = filled(8, seed=1, origin=1, capacity=10), filled(30, seed=2, origin=2, capacity=30)
    one.merge(filled(0, origin=3))
    assert len(one) == 8
    one.merge(other)
    assert len(one) == 10
    assert one.count.sum() == 38
    other = empty(origin=4)
    other.merge(filled(8, seed=1, origin=1))
    once = content(other)
    other.merge(filled(8, seed=1, origin=1))
    assert content(other) == once
