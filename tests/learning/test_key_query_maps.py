import pytest
import torch
from torch.nn.functional import normalize, one_hot

from hsokv.exceptions import DataError
from hsokv.learning.key_query_maps import learn_maps


def contexts(words: int, each: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Words of eight hidden attributes, of which a context shows five, each on three axes of its own, with noise."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(3, (words, 8), generator=generator).repeat_interleave(each, 0)
    shown = torch.rand(values.shape, generator=generator).argsort(1) < 5
    x = (one_hot(values, 3) * shown.unsqueeze(2)).flatten(1).float()
    x = normalize(x + 0.1 * torch.randn(x.shape, generator=generator), dim=1)
    return x, torch.arange(words).repeat_interleave(each)


def learnt(steps: int, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return learn_maps(*contexts(60, 10, seed=1), torch.eye(24), generator, steps=steps, words=40)


def test_the_same_generator_gives_the_same_bytes_and_another_does_not():
    first, again, other = learnt(5), learnt(5), learnt(5, seed=1)
    assert all(torch.equal(*maps) for maps in zip(first, again, strict=True))
    assert not torch.equal(first.key, other.key)


def test_words_that_were_not_learnt_from_are_named_better_than_by_the_directions_alone():
    x, labels = contexts(200, 2, seed=2)

    def named(key: torch.Tensor, asks: torch.Tensor) -> float:
        nearest = (normalize(x[1::2] @ asks, dim=1) @ normalize(x[::2] @ key, dim=1).mT).argmax(1)
        return float((nearest == labels[::2]).float().mean())

    assert named(*learnt(200)) > named(torch.eye(24), torch.eye(24))


def test_a_word_with_one_context_is_refused_by_its_number():
    with pytest.raises(DataError, match="word 1"):
        learn_maps(torch.eye(3), torch.tensor([0, 0, 1]), torch.eye(3), torch.Generator(), steps=1)
