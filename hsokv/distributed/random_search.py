"""Random search over policies: the row that says how much of a task is luck."""

import numpy as np

from hsokv.distributed.evolution import Trial, evaluate, find_task

BATCH = 256  # policies drawn and tried at a time


def random_search(name: str, steps: float, episodes: int, seed: int) -> tuple[float, int]:
    """The score, as agents are scored, of the best of policies from a standard normal distribution, and steps made.

    Each policy is tried in `episodes` episodes; the best of a batch is scored where none before was
    better, until a score reaches the task's target or `steps` environment steps are made. Scoring counts too.
    """
    task, generator = find_task(name), np.random.default_rng([seed, 1])
    best, score, made = -np.inf, 0.0, 0
    while made < steps and score < task.TARGET:
        policies = generator.standard_normal((BATCH, task.SIZE), dtype=np.float32)
        begin = np.broadcast_to(task.draw_starts(generator, 1, episodes), (4, BATCH, episodes))
        scores, count = task.rollout(policies, begin)
        made += int(count.sum())
        means = scores.mean(-1)
        if means.max() >= best:  # of equals on few starts the later may be the better
            best = means.max()
            found, count = evaluate(Trial(name, policies[[means.argmax()]]))
            score, made = max(score, float(found[0])), made + count
    return score, made
