"""One run on a stream of events: after every step ask, count what the update took, and in the end look for traces."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hsokv.data.events import KINDS, Events, without_withdrawn
from hsokv.data.texts import OUT_OF_SCOPE
from hsokv.metrics.classification import accuracy, auroc, outcomes
from hsokv.study.features import opened
from hsokv.study.runs import Found

if TYPE_CHECKING:
    import torch

    from hsokv.arms.events import EventLearner, Rows, Start
    from hsokv.arms.interface import Settings
    from hsokv.data.episode import Shots
    from hsokv.definitions import Task
    from hsokv.learning.budget import Budget


def load(features: Path, seed: int, condition: str, task: "Task") -> "tuple[Events, torch.Tensor, Shots]":
    """The events of a seed, the features of their texts, and the queries, on the grid that keeps sums exact."""
    import torch

    from hsokv.arms.events import on_grid
    from hsokv.data.episode import Shots

    with opened(features / f"seed{seed}.npz") as arrays:
        parts = {name: arrays[f"{condition}/{name}"] for name in Events._fields}
        texts, names = (tuple(parts.pop(name).tolist()) for name in ("texts", "names"))
        events, x = Events(**parts, texts=texts, names=names), torch.from_numpy(arrays[f"{condition}/x"])
    with opened(features / "evaluation.npz") as arrays:
        asked = [*arrays["test/names"].tolist(), ""]  # "": out of scope, at -1
        number = {name: place for place, name in enumerate(names)}
        y = np.array([number.get(name, OUT_OF_SCOPE) for name in asked])[arrays["test/y"]]
        queries = Shots(on_grid(torch.from_numpy(arrays["test/x"])), torch.from_numpy(y))
    return events, on_grid(x), queries


class Life:
    """An arm going through events: it is told of each, with the rows that the event names."""

    def __init__(self, learner: "EventLearner", x: "torch.Tensor", labels: int) -> None:
        import torch

        self.learner, self.x = learner, x
        self.labels: dict[int, int] = {}  # of the examples in force
        self.called = torch.arange(labels)  # what each label is called now

    def rows(self, examples: list[int]) -> "Rows":
        """Examples in force with their labels of today."""
        import torch

        from hsokv.arms.events import Rows

        ids = torch.tensor(examples, dtype=torch.int64)
        return Rows(ids, self.x[ids], torch.tensor([self.labels[one] for one in examples], dtype=torch.int64))

    def tell(self, events: Events, settle: bool = True) -> None:
        """The events of one step; neighbouring ones that add, or withdraw, come together."""
        for rows in np.split(np.arange(len(events.kind)), np.flatnonzero(np.diff(events.kind)) + 1):
            kind = KINDS[events.kind[rows[0]]]
            if kind == "add":
                self.labels |= dict(zip(events.example[rows].tolist(), events.label[rows].tolist(), strict=True))
                self.learner.add(self.rows(events.example[rows].tolist()))
            elif kind == "withdraw":
                named, labels = set(events.example[rows].tolist()), set(events.label[rows].tolist()) - {-1}
                gone = [one for one, label in self.labels.items() if one in named or label in labels]
                self.learner.withdraw(self.rows(gone))
                for one in gone:
                    del self.labels[one]
            else:
                named = (events.example[rows], events.label[rows], events.new_label[rows])
                for example, old, new in zip(*(part.tolist() for part in named), strict=True):
                    self.change(example, old, new)
        if settle:
            self.learner.settle()

    def change(self, example: int, label: int, new_label: int) -> None:
        """Correct an example, or rename or merge a label."""
        if example >= 0:
            self.learner.correct(self.rows([example]), label)
            self.labels[example] = label
        else:
            self.learner.relabel(label, new_label)
            self.labels = {one: new_label if old == label else old for one, old in self.labels.items()}
            self.called[self.called == label] = new_label

    def in_force(self) -> "torch.Tensor":
        """Labels that have an example, bool [labels]."""
        import torch

        mask = torch.zeros(len(self.called), dtype=torch.bool)
        mask[list(self.labels.values())] = True
        return mask


def run(
    start: "Start",
    events: Events,
    x: "torch.Tensor",
    queries: "Shots",
    settings: "Settings",
    budget: "Budget",
    generator: "torch.Generator",
) -> Found:
    """Scores, outcomes, curves and instruments of an arm that goes through events, whose texts have features `x`.

    Outcomes are those after the last step, on the queries whose label is in force then.
    """
    from hsokv.learning.budget import count_flops

    shape = (len(events.names), x.shape[1], len(events.texts))  # room for every text: no entry is averaged
    state = generator.get_state()

    def begin() -> Life:
        from hsokv.arms.events import EventShape

        generator.set_state(state)
        return Life(start(EventShape(*shape), settings, generator), x, len(events.names))

    life, curves = begin(), {}
    for part in steps_of(events):
        began = time.perf_counter()
        _, flops = count_flops(life.tell, part)
        seconds = time.perf_counter() - began
        budget.charge(flops)
        found, predicted, labels = ask(life, queries)
        found |= {"update_flops": flops, "update_seconds": seconds}
        for name, value in found.items():
            curves.setdefault(name, []).append(value)
        curves.setdefault("event", []).append(int(part.kind[0]))
    twin = begin()
    parts = list(steps_of(without_withdrawn(events)))
    for number, part in enumerate(parts, 1):
        twin.tell(part, settle=number == len(parts) or not twin.learner.afresh)
    carried = dict.fromkeys(("entries", "statistics", "weights"), 0)
    carried |= {name: sum(part.nbytes for part in parts) for name, parts in life.learner.carried().items()}
    seconds = curves.pop("update_seconds")
    curves["accuracy_in_force"] = curves.pop("accuracy")
    scores = {
        "accuracy": accuracy(predicted, labels),
        **{name: values[-1] for name, values in curves.items() if name.startswith("auroc")},
        "update_flops": float(np.mean(curves["update_flops"])),
        "answer_flops": float(np.mean(curves["answer_flops"])),
        **traces(events, life, twin, queries),
    }
    instruments = {"carried": {f"{name}_bytes": size for name, size in carried.items()}}
    return Found(scores, outcomes(predicted, labels), curves, instruments, {"update_seconds": seconds})


def steps_of(events: Events) -> Iterator[Events]:
    """The events step by step."""
    for step in np.unique(events.step):
        yield events.take(events.step == step)


def ask(life: Life, queries: "Shots") -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """(scores, answers, true labels): scores on the queries whose label is in force and on those out of scope, answers
    on the former."""
    from hsokv.learning.budget import count_flops

    in_force = life.in_force()
    labels = life.called[queries.y.clamp_min(0)]
    inside = (queries.y >= 0) & in_force[labels]
    outside = queries.y == OUT_OF_SCOPE
    asked = inside | outside
    answer, flops = count_flops(life.learner.predict, queries.x[asked], in_force)
    inside, outside, labels = inside[asked], outside[asked], labels[asked]
    predicted, labels = answer.log_probs.argmax(-1)[inside], labels[inside]
    found = {"accuracy": float((predicted == labels).double().mean()), "labels": float(in_force.sum())}
    found["answer_flops"] = flops / int(asked.sum())
    if outside.any() and inside.any():
        certain = answer.log_probs.amax(-1).exp()
        signals = {"softmax": certain}
        if answer.similarity is not None:
            signals |= {"similarity": answer.similarity, "both": certain * answer.similarity}
        for name, signal in signals.items():
            found[f"auroc_{name}"] = auroc((-signal)[outside].numpy(), (-signal)[inside].numpy())
        found["auroc"] = found.get("auroc_both", found["auroc_softmax"])
    return found, predicted.numpy(), labels.numpy()


def traces(events: Events, life: Life, twin: Life, queries: "Shots") -> dict[str, float]:
    """What is left of what was withdrawn, beside an arm that never saw it; nothing where nothing was withdrawn.

    `exact_answers` is the share of the queries, and of the withdrawn texts, that both answer alike to the bit;
    `withdrawn_accuracy` how often the last label of a withdrawn text is still answered, of those whose label is in
    force, `withdrawn_excess` how much more often than by the twin.
    """
    import torch

    gone = {one: label for one, label in last_labels(events).items() if one not in life.labels}
    if not gone:
        return {}
    asked = torch.cat([queries.x, life.x[list(gone)]])
    answers = [each.learner.predict(asked, life.in_force()) for each in (life, twin)]
    pairs = [(a, b) for a, b in zip(*answers, strict=True) if a is not None]
    same = torch.stack([(a == b).view(len(asked), -1).all(-1) for a, b in pairs]).all(0)
    labels = torch.tensor(list(gone.values()))
    known = life.in_force()[labels]
    right = [(each.log_probs[len(queries.y) :].argmax(-1) == labels)[known].double().mean() for each in answers]
    found = {"exact_answers": float(same.double().mean())}
    if known.any():
        found |= {"withdrawn_accuracy": float(right[0]), "withdrawn_excess": float(right[0] - right[1])}
    return found


def last_labels(events: Events) -> dict[int, int]:
    """The last label of every example that was ever in force."""
    labels: dict[int, int] = {}
    for kind, example, label, new_label in zip(*(part.tolist() for part in events[1:5]), strict=True):
        if KINDS[kind] in ("rename", "merge"):
            labels = {one: new_label if old == label else old for one, old in labels.items()}
        elif KINDS[kind] != "withdraw":
            labels[example] = label
    return labels
