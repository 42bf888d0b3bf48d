"""The shared memory of policies follows the laws of the key-value memory."""

import pytest
import torch

from hsokv.distributed.policies import PolicyMemory
from hsokv.exceptions import ConfigurationError, DataError


def written(origin, scores, capacity=8, key_dim=3):
    memory = PolicyMemory(key_dim, capacity, origin)
    generator = torch.Generator().manual_seed(origin)
    keys = torch.randn(len(scores), key_dim, generator=generator)
    memory.write(keys, 100 * origin + torch.arange(len(scores))[:, None].float(), torch.tensor(scores))
    return memory


def test_the_best_come_first_and_the_nearest_by_behaviour():
    memory = PolicyMemory(2)
    memory.write(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0], [2.0]]), torch.tensor([0.9, 0.3]))
    assert memory.best(5).parameters.tolist() == [[1.0], [2.0]]
    assert memory.nearest(torch.tensor([0.1, 1.0]), 1).parameters.tolist() == [[2.0]]


def test_what_is_merged_twice_counts_once_in_any_order():
    merged = []
    for order in ((1, 2), (2, 1, 1)):
        memory = written(0, [0.1, 0.2])
        for origin in order:
            memory.merge(written(origin, [0.5, 0.6]))
        merged.append(memory)
    assert set(merged[0].values) == set(merged[1].values) == {(o, t) for o in range(3) for t in range(2)}


def test_a_full_memory_keeps_policies_of_every_class_of_scores():
    memory = written(0, [0.9], capacity=4)
    memory.write(torch.eye(3).repeat(10, 1), torch.zeros(30, 1), torch.full((30,), 0.1))
    assert len(memory) == 4
    assert memory.best(1).scores.tolist() == pytest.approx([0.9])


def test_another_key_dimension_and_values_that_are_not_finite_are_refused():
    with pytest.raises(ConfigurationError, match="key_dim"):
        written(0, [0.5]).merge(written(1, [0.5], key_dim=4))
    memory = written(0, [0.5])
    with pytest.raises(DataError, match="finite"):
        memory.write(torch.eye(3)[:1], torch.tensor([[float("nan")]]), torch.tensor([0.5]))
    assert len(memory) == 1


def test_a_memory_is_saved_and_loaded():
    memory, other = written(0, [0.5, 0.7]), PolicyMemory(3, 8)
    other.load_state_dict(memory.state_dict())
    assert torch.equal(other.best(2).parameters, memory.best(2).parameters)
