"""Random search over policies: the row that says how much of a task is luck."""

from types import ModuleType

import numpy as np

from hsokv.distributed.evolution import evaluate

BATCH = 256  # policies drawn and tried at a time


def random_search(task: ModuleType, steps: int, episodes_per_candidate: int, seed: int) -> tuple[float, int]:
    """The score, as managers are scored, of the best of policies from a standard normal distribution, and steps made.

    Each policy is tried in `episodes_per_candidate` episodes; the best of a batch is scored where none before was
    better, until a score reaches the task's target or `steps` environment steps are made. Scoring counts too.
    """
    generator = np.random.default_rng([seed, 1])
    best, score, made = -np.inf, 0.0, 0
    while made < steps and score < task.TARGET:
        policies = generator.standard_normal((BATCH, task.SIZE), dtype=np.float32)
        begin = np.broadcast_to(
            task.draw_starts(generator, 1, episodes_per_candidate), (4, BATCH, episodes_per_candidate)
        )
        scores, count = task.rollout(policies, begin)
        made += int(count.sum())
        means = scores.mean(-1)
        if means.max() >= best:  # of equals on few starts the later may be the better
            best = means.max()
            found, count = evaluate(task, policies[[means.argmax()]])
            score, made = max(score, float(found[0])), made + int(count.sum())
    return score, made
