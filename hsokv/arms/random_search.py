"""`kv_random_search`: the swarm's search space, folds, agent-steps and averaging without the swarm.

Bergstra and Bengio 2012.
"""

from dataclasses import replace
from itertools import accumulate

from torch import Generator

from hsokv.arms.interface import Answers, Fitted, Settings, StreamShape, Tasks
from hsokv.arms.population import fit_swarm, learn_swarm, one_group
from hsokv.data.episode import Episode
from hsokv.learning.budget import Budget


def fit(episode: Episode, settings: Settings, budget: Budget, generator: Generator) -> Fitted:
    """One round of a Latin hypercube of as many agents, each trained as long as one of the swarm; none is copied."""
    fitted = fit_swarm(episode, settings, one_group(settings)._replace(rounds=1), budget, generator)
    # Agents are independent, so the curve of the search is that of the same agents trained one after the other.
    losses = [score for score in fitted.instruments["scores"][0][0] if score is not None]
    spent = fitted.curves["spent"][-1]
    curves = {
        "fold_log_loss": list(accumulate(losses, min)),
        "spent": [round(spent * (i + 1) / len(losses)) for i in range(len(losses))],
    }
    return replace(fitted, curves=fitted.curves | curves)


def learn(tasks: Tasks, shape: StreamShape, settings: Settings, budget: Budget, generator: Generator) -> Answers:
    """A Latin hypercube of as many agents, each trained through the whole stream; none is copied, the best averaged."""
    return learn_swarm(tasks, shape, settings, one_group(settings)._replace(rounds=1), budget, generator)
