import pytest
import torch

from hsokv.learning.head import Head, gradient, logits


def draw(of_head, of_x, of_y, n=5, key_dim=4, classes=3):
    """A head, x, y and a mask with the leading axes given."""
    generator = torch.Generator().manual_seed(2)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    y = torch.randint(0, classes, (*of_y, n), generator=generator)
    mask = (torch.arange(n) < torch.randint(2, n + 1, (*of_y, 1), generator=generator)).double()
    return Head(normal(*of_head, key_dim, classes), normal(*of_head, classes)), normal(*of_x, n, key_dim), y, mask


@pytest.mark.parametrize(
    "leading",
    [
        ((), (), ()),
        ((2,), (), ()),
        ((3,), (3,), (3,)),
        ((2, 4, 3), (3,), (3,)),
        ((2, 4), (), (4,)),
        ((2, 4), (4,), ()),
        ((4, 1), (1,), (1,)),
    ],
)
def test_logits_and_gradient_of_each_head_are_those_of_plain_torch(leading):
    head, x, y, mask = draw(*leading)
    leaves = Head(*(part.clone().requires_grad_() for part in head))
    scores = x @ leaves.weight + leaves.bias.unsqueeze(-2)
    at_label = scores.log_softmax(-1).gather(-1, y.expand(scores.shape[:-1]).unsqueeze(-1)).squeeze(-1)
    losses = -(at_label * mask).sum(-1) / mask.sum(-1)
    torch.testing.assert_close(logits(head, x), scores.detach(), rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        found = gradient(leaves, x, y, mask)
    for one, wanted in zip(found, torch.autograd.grad(losses.sum(), leaves), strict=True):
        assert not one.requires_grad
        torch.testing.assert_close(one, wanted, rtol=1e-10, atol=1e-10)
