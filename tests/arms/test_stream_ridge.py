import torch

from hsokv.arms import ridge
from hsokv.arms.reservoir import hold_out, join
from hsokv.learning.budget import Budget
from hsokv.learning.calibration import fit_temperature, label_log_prob
from hsokv.learning.discriminant import lda_head, oas_shrinkage
from hsokv.learning.head import logits
from hsokv.learning.moments import add, init_moments, means_of_seen, within

from .streams import CLASSES, KEY_DIM, PER_TASK, SHAPE, draw_stream


def learn(tasks, shrinkage):
    settings, generator = {"ridge": {"shrinkage": shrinkage}}, torch.Generator().manual_seed(0)
    return list(ridge.learn(iter(tasks), SHAPE, settings, Budget(10**9), generator))


def test_a_stream_gives_what_all_data_at_once_give():
    """Held-out examples too: the sums are over everything."""
    stream = draw_stream()
    *_, fitted = learn(stream.tasks, [0.2])
    shots = join(*stream.tasks)
    moments = add(init_moments(CLASSES, KEY_DIM), *shots)
    scatter, degrees = within(moments)
    covariance = scatter / degrees
    chosen = fitted.instruments["shrinkage"]
    assert chosen == 0.2 or abs(chosen - oas_shrinkage(covariance, degrees)) < 0.05
    head = lda_head(means_of_seen(moments)[0], covariance, chosen)
    expected = (logits(head, stream.test.x.double()) / fitted.instruments["temperature"]).log_softmax(-1)
    torch.testing.assert_close(fitted.predict(stream.test.x).log_probs.double(), expected, rtol=1e-4, atol=1e-4)


def test_the_order_of_tasks_does_not_change_the_statistics():
    stream = draw_stream()
    moments = [init_moments(CLASSES, KEY_DIM)] * 2
    for one, other in zip(stream.tasks, reversed(stream.tasks), strict=True):
        moments = [add(moments[0], *one), add(moments[1], *other)]
    for a, b in zip(*moments, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_the_shrinkage_is_the_one_that_tells_held_out_examples_best_and_they_are_no_part_of_it():
    stream, tried = draw_stream(noise=1.5), [0.01, 0.3, 0.9]
    fitted, *_ = learn(stream.tasks, tried)
    rest, held = hold_out(stream.tasks[0], SHAPE, torch.Generator().manual_seed(0))
    moments = add(init_moments(PER_TASK, KEY_DIM), *rest)
    scatter, degrees = within(moments)
    losses = {}
    for shrinkage in (*tried, oas_shrinkage(scatter / degrees, degrees)):
        scores = logits(lda_head(means_of_seen(moments)[0], scatter / degrees, shrinkage), held.x.double())
        temperature = fit_temperature(scores, held.y)
        losses[shrinkage] = float(-label_log_prob((scores / temperature).log_softmax(-1), held.y).mean())
    assert losses[fitted.instruments["shrinkage"]] <= min(losses.values()) + 1e-5
