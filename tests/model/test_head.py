import torch

from hsokv.model.head import Head, gradient, init_head, logits, loss


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
