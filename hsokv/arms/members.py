"""From trained learners to a prediction: temperatures on folds, the gate on dev, an average over members.

One code for all four variants, on episodes and streams: a single learner or several, with a memory or without.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from hsokv.arms.interface import Fitted, Settings
from hsokv.arms.predictors import Ensemble, to_keys
from hsokv.data.episode import Episode, Shots
from hsokv.learning.budget import Budget
from hsokv.learning.calibration import fit_gate, fit_temperature, label_log_prob, least_log_loss
from hsokv.learning.discriminant import key_projection
from hsokv.learning.head import Head, logits
from hsokv.learning.loop import HeldOut, Hyperparameters, Learners, Problems
from hsokv.learning.optimizers import OPTIMIZERS
from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv
from hsokv.swarm.diversity import disagreement

EXAMPLE, DESCRIPTION = range(2)
"""Origins of entries: what they were written from."""


class MemoryReader(NamedTuple):
    """The memories of stacked problems, one state with leading axis problems, and how they are read.

    Queries become keys as the entries did (`to_keys`), but for a `query_projection` of their own; then the nearest `k`
    entries count.
    """

    states: kv.MemoryState
    k: int
    projection: Tensor | None = None
    centre: Tensor | None = None
    query_projection: Tensor | None = None

    def state(self, problem: int | slice) -> kv.MemoryState:
        """The memory of one problem, or those of some."""
        return kv.MemoryState(*(part[problem] for part in self.states))

    def read(self, problem: int | slice, x: Tensor) -> kv.Retrieval:
        """Read the memory of one problem (or of a slice of them) with the queries x [..., n, key_dim]."""
        ask = self.projection if self.query_projection is None else self.query_projection
        return kv.read(self.state(problem), to_keys(x, ask, self.centre), self.k)


def default_hyperparameters(head: Settings) -> Hyperparameters:
    """The default agent's hyperparameters, for one member: tensors of shape [1]."""
    return Hyperparameters(
        torch.tensor([OPTIMIZERS.index(head["optimizer"])]),
        torch.tensor([float(head["learning_rate"])]),
        torch.tensor([float(head["weight_decay"])]),
    )


def write_memories(episode: Episode, problems: Problems, settings: Settings) -> MemoryReader:
    """One memory per problem, holding what the problem may learn from: descriptions of the labels, then shots.

    `settings` are the arm's: `memory`; `keys` where keys are to live on discriminative directions, and `maps` where
    keys and queries go through maps learnt from those. Both take a task that brings a background; elsewhere keys are
    the features themselves.
    """
    capacity, described = min(settings["memory"]["capacity"], problems.x.shape[1]), episode.described
    states = []
    for x, y, mask in zip(problems.x, problems.y, problems.mask.bool(), strict=True):
        x, y = x[mask], y[mask]
        kv.check_entries(x, y, episode.classes)
        state = kv.write(kv.init(capacity, x.shape[-1]), x[:described], y[:described], DESCRIPTION)
        states.append(kv.write(state, x[described:], y[described:], EXAMPLE))
    stacked = kv.MemoryState(*(torch.stack(parts) for parts in zip(*states, strict=True)))
    projection = query_projection = None
    if episode.background is not None and "maps" in settings:
        projection, query_projection = episode.background.key_map, episode.background.query_map
    elif episode.background is not None and "keys" in settings:
        projection = key_projection(episode.background.within, episode.background.between, **settings["keys"])
    if projection is not None:
        stacked = kv.project(stacked, projection)
    return MemoryReader(stacked, settings["memory"]["k"], projection, query_projection=query_projection)


def read_memories(
    episode: Episode, problems: Problems, held_out: HeldOut, settings: Settings, budget: Budget
) -> tuple[MemoryReader | None, kv.Retrieval | None]:
    """The memories, and what the folds retrieve from them; None where the settings hold none."""
    if "memory" not in settings:
        return None, None
    reader = budget.run(write_memories, episode, problems, settings)
    return reader, budget.run(reader.read, slice(problems.folds), held_out.x)


def _folds(head: Head, problems: Problems) -> Head:
    return Head(head.weight[..., : problems.folds, :, :], head.bias[..., : problems.folds, :])


def fold_temperature(head: Head, problems: Problems, held_out: HeldOut) -> Tensor:
    """One temperature per learner [...], fitted on what the folds hold out."""
    on_folds = logits(_folds(head, problems), held_out.x).flatten(-3, -2)
    return fit_temperature(on_folds, held_out.y.flatten(), held_out.mask.flatten())


def fold_log_loss(
    learners: Learners,
    problems: Problems,
    held_out: HeldOut,
    inverse_temperature: Tensor | None = None,
    retrieval: kv.Retrieval | None = None,
) -> Tensor:
    """Log-loss of each agent [...] on what its folds hold out, in nats.

    With a memory there are what the folds retrieve from it, and the `inverse_temperature` [...] of its reading. Raw
    log-loss ranks calibration, not recognition: each agent's temperature, and its gate where it has a memory, are
    fitted inside the folds first.
    """
    temperature = fold_temperature(learners.head, problems, held_out)
    folds = _folds(learners.head, problems)
    log_probs = (logits(folds, held_out.x) / temperature[..., None, None, None]).log_softmax(-1)
    at_label = label_log_prob(log_probs, held_out.y).flatten(-2)
    mask = held_out.mask.flatten()
    if retrieval is None:
        return -(at_label * mask).sum(-1) / mask.sum()
    recalled = kv.label_distribution(retrieval, inverse_temperature[..., None, None], folds.bias.shape[-1])
    return least_log_loss(at_label, label_log_prob(recalled, held_out.y).flatten(-2), mask.expand(at_label.shape))


def finish(
    learners: Learners,
    reader: MemoryReader | None,
    inverse_temperature: Tensor | None,
    dev: Shots,
    classes: int,
    problems: Problems,
    held_out: HeldOut,
) -> Fitted:
    """Calibrate and average: p = (1 - g) mean_m softmax(z_m / T_m) + g mean_m p_mem,m.

    `learners` lead with [members, problems]. T_m is fitted on the folds, the single gate g on the dev shots (which no
    member trains on or stores). A prediction has a column for each of `classes`.
    """
    temperature = fold_temperature(learners.head, problems, held_out)

    def ensemble(problem: int, gate: Tensor) -> Ensemble:
        head = Head(*(part[:, problem] for part in learners.head))._asdict()
        parts = {"classes": classes, **head, "temperature": temperature}
        if reader is None:
            return Ensemble(**parts)
        state = reader.state(problem)
        memory = KeyValueMemory(state.keys.shape[-1], learners.head.bias.shape[-1], len(state.labels), reader.k)
        memory.state = state
        keys = {name: getattr(reader, name) for name in ("projection", "centre", "query_projection")}
        return Ensemble(**parts, memory=memory, inverse_temperature=inverse_temperature, gate=gate, **keys)

    gate = torch.tensor(0.0)
    on_dev = ensemble(problems.dev, gate)
    instruments: dict[str, object] = {"temperature": temperature.tolist()}
    if len(temperature) > 1:
        instruments["disagreement"] = disagreement(on_dev.by_member(dev.x).argmax(-1).numpy())
    if reader is not None:
        at_label = label_log_prob(on_dev.by_member(dev.x).mean(0).log(), dev.y)
        gate = fit_gate(at_label, label_log_prob(on_dev.recalled(on_dev.read(dev.x)), dev.y))
        instruments |= {"inverse_temperature": inverse_temperature.tolist(), "gate": float(gate)}
        state = reader.state(problems.train)  # free slots come last, so what is read by slot is an index of entries
        fields = {"labels": state.labels, "counts": state.count, "numbers": state.number, "origins": state.origin}
        instruments["memory"] = {name: part[state.occupied].tolist() for name, part in fields.items()}
    return Fitted(ensemble(problems.train, gate), instruments=instruments)
