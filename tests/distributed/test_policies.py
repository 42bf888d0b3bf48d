"""The shared memory of policies follows the laws of the key-value memory."""

import torch

from hsokv.distributed.policies import PolicyMemory


def written(scores, capacity=8):
    memory = PolicyMemory(3, capacity)
    keys = torch.randn(len(scores), 3, generator=torch.Generator().manual_seed(0))
    memory.write(keys, torch.arange(len(scores))[:, None].float(), torch.tensor(scores))
    return memory


def test_the_best_come_first():
    assert written([0.3, 0.9, 0.9]).best(5).tolist() == [[1.0], [2.0], [0.0]]


def test_a_full_memory_keeps_policies_of_every_class_of_scores():
    memory = written([0.9], capacity=4)
    memory.write(torch.eye(3).repeat(10, 1), torch.ones(30, 1), torch.full((30,), 0.1))
    assert len(memory.values) == 4
    assert memory.best(1).tolist() == [[0.0]]


def test_a_memory_is_saved_and_loaded():
    memory, other = written([0.5, 0.7]), PolicyMemory(3, 8)
    other.load_state_dict(memory.state_dict())
    assert torch.equal(other.best(2), memory.best(2))
