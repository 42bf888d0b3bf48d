"""`joint`: the reference that keeps all data and learns them anew, together, after every task.

On events: logistic regression, retrained from scratch on all examples in force after every step.
"""

from dataclasses import replace

import torch
from torch import Generator, Tensor

from hsokv.arms.events import Answer, EventLearner, EventShape, Kept, masked
from hsokv.arms.interface import Answers, Settings, StreamShape, Tasks, arriving, carried
from hsokv.arms.members import finish
from hsokv.arms.minibatches import train_default
from hsokv.arms.reservoir import hold_out, join, nothing
from hsokv.learning.budget import Budget
from hsokv.learning.loop import stack_task


def learn(tasks: Tasks, shape: StreamShape, settings: Settings, budget: Budget, generator: Generator) -> Answers:
    """The head of `neither` from zero on all examples seen, whatever the cap is, `shape.passes` times each."""
    past = held_out = nothing(shape.key_dim)
    for classes, shots in arriving(tasks, shape):
        rest, new = hold_out(shots, shape, generator)
        past, held_out = join(past, rest), join(held_out, new)
        learners = train_default(None, past, classes, shape, settings, budget, generator)
        fitted = budget.run(finish, learners, None, None, held_out, shape.classes, *stack_task(held_out))
        instruments = fitted.instruments | carried(entries=(*past, *held_out), weights=learners.head)
        yield replace(fitted, instruments=instruments)


TOLERANCE = 1e-4
"""Largest absolute gradient entry at which the solution is taken as found: the default of scikit-learn."""
MOST_STEPS = 500


def solve(head: Tensor, x: Tensor, member: Tensor, decay: float) -> Tensor:
    """Minimise mean cross-entropy + decay / 2 ||W||^2 by L-BFGS, to a gradient below TOLERANCE.

    `head` [key_dim + 1, labels], W with b below it, is where it starts; `member` [n, labels] is one-hot.
    """
    head = head.clone()
    optimizer = torch.optim.LBFGS(
        [head], max_iter=MOST_STEPS, history_size=10, tolerance_grad=TOLERANCE, line_search_fn="strong_wolfe"
    )

    head.grad, share = torch.zeros_like(head), -member / len(x)

    def loss() -> Tensor:
        scores = (x @ head[:-1] + head[-1]).requires_grad_()
        log_probs = scores.log_softmax(-1)
        (error,) = torch.autograd.grad(log_probs, scores, share)
        log_probs = log_probs.detach()
        torch.mm(x.mT, error, out=head.grad[:-1]).add_(head[:-1] * decay)
        torch.sum(error, 0, out=head.grad[-1])
        return decay / 2 * head[:-1].square().sum() - (member * log_probs).sum() / len(x)

    optimizer.step(loss)
    return head


class Learner(Kept, EventLearner):
    """Keeps every example; its `strength` C weighs the data as in scikit-learn: decay = 1 / (C n)."""

    afresh = True

    def __init__(self, shape: EventShape, settings: Settings, generator: torch.Generator) -> None:
        super().__init__(shape)
        self.strength, self.labels = settings["event_heads"]["strength"], shape.labels
        self.head = torch.zeros(shape.key_dim + 1, shape.labels)

    def relabel(self, old: int, new: int) -> None:
        """Rename a label, and its weights where the new label has none."""
        if not (self.y == new).any():
            self.head[:, new] = self.head[:, old]
        super().relabel(old, new)

    def settle(self) -> None:
        """Train on the labels that have examples."""
        seen, y = self.y.unique(return_inverse=True)
        member = torch.nn.functional.one_hot(y).float()
        first = torch.zeros_like(self.head[:, seen]) if self.afresh else self.head[:, seen]
        self.head = torch.zeros_like(self.head)
        self.head[:, seen] = solve(first, self.x, member, 1 / (self.strength * len(y)))

    def predict(self, x: Tensor, in_force: Tensor) -> Answer:
        """Softmax of the scores."""
        return Answer(masked(x @ self.head[:-1] + self.head[-1], in_force))

    def carried(self) -> dict[str, list[Tensor]]:
        """The examples, and the weights that training goes on from."""
        return {"entries": [self.x, self.y], "weights": [] if self.afresh else [self.head]}
