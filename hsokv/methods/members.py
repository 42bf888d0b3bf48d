"""From trained learners to a prediction: temperatures on folds, the gate on dev, an average over members.

One code for all four variants: a single learner or several, with a memory or without.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hsokv.analysis.diversity import disagreement
from hsokv.data.episode import Episode
from hsokv.memory import functional as kv
from hsokv.methods.ensemble import Branch, Ensemble, read
from hsokv.methods.interface import Fitted
from hsokv.model.calibration import fit_gate, fit_temperature, label_log_prob, least_log_loss
from hsokv.model.discriminant import key_projection
from hsokv.model.head import Head, logits
from hsokv.training.loop import Hyperparameters, Learners, Problems, Scores
from hsokv.training.optimizers import OPTIMIZERS

EXAMPLE, DESCRIPTION = range(2)
"""Origins of entries: what they were written from."""


def default_hyperparameters(head: Mapping[str, Any]) -> Hyperparameters:
    """The default agent's hyperparameters, for one member: tensors of shape [1]."""
    return Hyperparameters(
        torch.tensor([OPTIMIZERS.index(head["optimizer"])]),
        torch.tensor([float(head["learning_rate"])]),
        torch.tensor([float(head["weight_decay"])]),
    )


def write_memories(
    episode: Episode, problems: Problems, settings: Mapping[str, Any], inverse_temperature: Tensor
) -> Branch:
    """One memory per problem, holding what the problem may learn from: descriptions of the labels, then shots.

    `settings` are the arm's: `memory`, and `keys` where keys are to live on discriminative directions, which takes a
    task that brings a background; elsewhere keys are the features themselves.
    """
    capacity = min(settings["memory"]["capacity"], problems.x.shape[1])
    states = []
    for x, y, mask in zip(problems.x, problems.y, problems.mask.bool(), strict=True):
        x, y = x[mask], y[mask]
        kv.check_entries(x, y, episode.classes)
        state, first = kv.init(capacity, x.shape[-1]), episode.described
        state = kv.write(state, x[:first], y[:first], DESCRIPTION)
        states.append(kv.write(state, x[first:], y[first:], EXAMPLE))
    state = kv.MemoryState(*(torch.stack(parts) for parts in zip(*states, strict=True)))
    projection = None
    if "keys" in settings and episode.background is not None:
        projection = key_projection(episode.background.within, episode.background.between, **settings["keys"])
        state = kv.project(state, projection)
    return Branch(state, projection, settings["memory"]["k"], inverse_temperature)


def read_problem(branch: Branch, problem: int | slice, x: Tensor) -> kv.Retrieval:
    """Read the memory of one problem (or of a slice of them) with the queries x [..., n, key_dim]."""
    return read(_of(branch, problem), x)


def _of(branch: Branch, problem: int | slice) -> Branch:
    return branch._replace(state=kv.MemoryState(*(part[problem] for part in branch.state)))


def fold_temperature(head: Head, problems: Problems, scores: Scores) -> Tensor:
    """One temperature per learner [...], fitted on what the folds hold out."""
    on_folds = logits(
        Head(head.weight[..., : problems.folds, :, :], head.bias[..., : problems.folds, :]), scores.x
    ).flatten(-3, -2)
    return fit_temperature(on_folds, scores.y.flatten(), scores.mask.flatten())


def fold_log_loss(
    learners: Learners,
    inverse_temperature: Tensor | None,
    retrieval: kv.Retrieval | None,
    classes: int,
    problems: Problems,
    scores: Scores,
) -> Tensor:
    """Log-loss of each agent [...] on what its folds hold out, in nats; `inverse_temperature` [...] of its memory.

    Raw log-loss ranks calibration, not recognition: each agent's temperature, and its gate where it has a memory, are
    fitted inside the folds first.
    """
    temperature = fold_temperature(learners.head, problems, scores)
    folds = Head(learners.head.weight[..., : problems.folds, :, :], learners.head.bias[..., : problems.folds, :])
    log_probs = (logits(folds, scores.x) / temperature[..., None, None, None]).log_softmax(-1)
    at_label = label_log_prob(log_probs, scores.y).flatten(-2)
    mask = scores.mask.flatten()
    if retrieval is None:
        return -(at_label * mask).sum(-1) / mask.sum()
    memory = kv.label_distribution(retrieval, inverse_temperature[..., None, None], classes)
    return least_log_loss(at_label, label_log_prob(memory, scores.y).flatten(-2), mask.expand(at_label.shape))


def finish(learners: Learners, branch: Branch | None, episode: Episode, problems: Problems, scores: Scores) -> Fitted:
    """Calibrate and average: p = (1 - g) mean_m softmax(z_m / T_m) + g mean_m p_mem,m.

    `learners` lead with [members, problems]. T_m is fitted on the folds, the single gate g on the dev shots (which no
    member trains on or stores).
    """
    temperature = fold_temperature(learners.head, problems, scores)

    def of(problem: int) -> Ensemble:
        # Laid out anew, as they will be where they are read from a file: the last digits depend on it.
        head = Head(*(part[:, problem].contiguous() for part in learners.head))
        memory = None if branch is None else _of(branch, problem)
        return Ensemble(head, temperature, episode.classes, memory)

    query, answer = episode.dev.score
    on_dev, predict = of(problems.dev), of(problems.train)
    instruments: dict[str, Any] = {"temperature": temperature.tolist()}
    if len(temperature) > 1:
        instruments["disagreement"] = disagreement(on_dev.by_member(query).argmax(-1).numpy())
    if branch is None:
        return Fitted(predict, instruments=instruments)

    at_label = label_log_prob(on_dev.parametric(query).log(), answer)
    gate = fit_gate(at_label, label_log_prob(on_dev.remembered(read(on_dev.memory, query)), answer))
    state = predict.memory.state
    slots = state.occupied  # free ones come last, so places among the entries are slots
    held = kv.MemoryState(*(part[slots] for part in state[:-1]), state.clock)
    return Fitted(
        predict._replace(gate=gate),
        instruments={
            **instruments,
            "inverse_temperature": branch.inverse_temperature.tolist(),
            "gate": float(gate),
            "memory": {
                "labels": held.labels.tolist(),
                "counts": held.count.tolist(),
                "numbers": held.number.tolist(),
                "origins": held.origin.tolist(),
            },
        },
    )
