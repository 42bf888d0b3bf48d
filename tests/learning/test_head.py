import pytest
import torch

from hsokv.learning.head import Head, gradient, init_head, logits, loss


def problem(seed=0, agents=2, n=5, key_dim=4, classes=3):
    generator = torch.Generator().manual_seed(seed)
    head = Head(torch.randn(agents, key_dim, classes, generator=generator), torch.randn(agents, classes))
    x = torch.randn(n, key_dim, generator=generator)
    return head, x, torch.arange(n) % classes


def test_a_new_head_predicts_uniformly():
    z = logits(init_head((2,), 4, 3), torch.ones(5, 4))
    torch.testing.assert_close(z.softmax(-1), torch.full((2, 5, 3), 1 / 3))


def test_loss_equals_cross_entropy_of_each_head():
    head, x, y = problem()
    expected = [torch.nn.functional.cross_entropy(x @ w + b, y) for w, b in zip(*head, strict=True)]
    torch.testing.assert_close(loss(head, x, y, torch.ones(5)), torch.stack(expected))


def test_masked_examples_do_not_count():
    head, x, y = problem()
    mask = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])
    torch.testing.assert_close(loss(head, x, y, mask), loss(head, x[:3], y[:3], torch.ones(3)))


def test_gradient_equals_the_closed_form():
    """d loss / d W = x' (p - onehot(y)) / n, d loss / d b = mean (p - onehot(y))."""
    head, x, y = problem()
    slope = gradient(head, x, y, torch.ones(5))
    error = logits(head, x).softmax(-1) - torch.nn.functional.one_hot(y, 3)
    torch.testing.assert_close(slope.weight, x.mT @ error / 5)
    torch.testing.assert_close(slope.bias, error.mean(-2))


def test_gradient_works_inside_no_grad_and_leaves_no_graph():
    head, x, y = problem()
    with torch.no_grad():
        slope = gradient(head, x, y, torch.ones(5))
    assert not slope.weight.requires_grad
    assert not head.weight.requires_grad


# Leading axes of the head, of x, and of y with its mask.
LEADING = [
    ((), (), ()),
    ((2,), (), ()),
    ((3,), (3,), (3,)),
    ((4, 3), (3,), (3,)),
    ((2, 4, 3), (3,), (3,)),
    ((2, 4), (), (4,)),
    ((2, 4), (4,), ()),
    ((4, 1), (1,), (1,)),
]


def stacked(of_head, of_x, of_y, n=5, key_dim=4, classes=3):
    generator = torch.Generator().manual_seed(2)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    y = torch.randint(0, classes, (*of_y, n), generator=generator)
    mask = (torch.arange(n) < torch.randint(2, n + 1, (*of_y, 1), generator=generator)).double()
    return Head(draw(*of_head, key_dim, classes), draw(*of_head, classes)), draw(*of_x, n, key_dim), y, mask


@pytest.mark.parametrize("leading", LEADING)
def test_logits_of_each_head_are_its_own_products(leading):
    head, x, _, _ = stacked(*leading)
    torch.testing.assert_close(logits(head, x), x @ head.weight + head.bias.unsqueeze(-2), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("leading", LEADING)
def test_gradient_equals_autograd(leading):
    head, x, y, mask = stacked(*leading)
    leaves = Head(*(part.clone().requires_grad_() for part in head))
    scores = x @ leaves.weight + leaves.bias.unsqueeze(-2)
    at_label = scores.log_softmax(-1).gather(-1, y.expand(scores.shape[:-1]).unsqueeze(-1)).squeeze(-1)
    expected = torch.autograd.grad(-((at_label * mask).sum(-1) / mask.sum(-1)).sum(), leaves)
    for found, wanted in zip(gradient(head, x, y, mask), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


def test_gradient_sees_nothing_of_masked_examples():
    head, x, y, _ = stacked((4, 3), (3,), (3,))
    mask = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0], dtype=torch.float64).expand(3, 5)
    whole, cut = gradient(head, x, y, mask), gradient(head, x[:, :3], y[:, :3], mask[:, :3])
    for found, wanted in zip(whole, cut, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_loss_can_be_differentiated_where_heads_share_examples():
    head, x, y, mask = stacked((4, 3), (3,), (3,))
    leaves = Head(*(part.clone().requires_grad_() for part in head))
    slopes = torch.autograd.grad(loss(leaves, x, y, mask).sum(), leaves)
    for found, wanted in zip(slopes, gradient(head, x, y, mask), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
