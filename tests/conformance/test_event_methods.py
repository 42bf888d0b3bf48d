"""Laws of every arm that lives through events, on a small world of clusters."""

from functools import cache
from importlib import import_module

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from hsokv.arms.events import EventShape, Rows, on_grid
from hsokv.arms.registry import METHODS
from hsokv.data.episode import Shots
from hsokv.data.events import check_events, draw_life
from hsokv.data.examples import Examples
from hsokv.learning.budget import Budget
from hsokv.study.event_runs import run

SETTINGS = {
    "event_memory": {"neighbours": 8, "inverse_temperature": 2.0, "noise": 0.3, "scale": 20.0, "gate": 0.7},
    "event_heads": {
        "scale": 20.0,
        "shrinkage": 0.9,
        "temperature": 1.0,
        "strength": 100.0,
        "learning_rate": 5.0,
        "steps": 20,
        "replayed": 20,
    },
    "knn": {"k": 1},
}
ARMS = [arm for arm, method in METHODS.items() if method.events]
EXACT = [arm for arm in ARMS if arm not in ("linear_probe", "experience_replay", "fine_tune")]
LABELS, WIDTH = 6, 12
LIFE = {"tasks": 3, "shots": 5, "wrong": 0.2, "changed": 0.3, "withdrawn": 0.2, "withdrawn_labels": 0.2, "steps": 2}


def start(arm, *shape):
    method = METHODS[arm]
    settings = {group: SETTINGS[group] for group in method.event_settings}
    generator = torch.Generator().manual_seed(0)
    return import_module(f"hsokv.arms.{method.events}").Learner(EventShape(*shape), settings, generator)


def cluster_world(seed):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(LABELS, WIDTH, generator=generator)
    names = tuple(f"label{number}" for number in range(LABELS))
    inputs = tuple(f"text {label} {number}" for label in range(LABELS) for number in range(12))
    events = check_events(draw_life(Examples(inputs, np.repeat(np.arange(LABELS), 12), names), seed, **LIFE), "drawn")

    def features(labels):
        return on_grid(normalize(centres[labels] + 0.3 * torch.randn(len(labels), WIDTH, generator=generator)))

    x = features(torch.tensor([int(text.split()[1]) for text in events.texts]))
    asked = torch.arange(LABELS).repeat(5)
    y = torch.tensor([events.names.index(names[label]) for label in asked])
    outside = on_grid(normalize(torch.randn(20, WIDTH, generator=generator)))
    queries = Shots(torch.cat([features(asked), outside]), torch.cat([y, torch.full((20,), -1)]))
    return events, x, queries


def life(arm, seed=1):
    method = METHODS[arm]
    settings = {group: SETTINGS[group] for group in method.event_settings}
    learner = import_module(f"hsokv.arms.{method.events}").Learner
    lived = run(learner, *cluster_world(seed), settings, Budget(10**12), torch.Generator().manual_seed(seed))
    return lived._replace(seconds={})


once = cache(life)


@pytest.mark.parametrize("arm", EXACT)
def test_what_was_withdrawn_leaves_no_trace_in_any_bit(arm):
    assert [once(arm, seed).scores["exact_answers"] for seed in (1, 2)] == [1.0, 1.0]


@pytest.mark.parametrize("arm", ARMS)
def test_a_life_repeats_to_the_bit(arm):
    assert life(arm) == once(arm)


@pytest.mark.parametrize("arm", [arm for arm in ARMS if arm != "fine_tune"])
def test_easy_clusters_are_learnt_and_relearnt(arm):
    found = once(arm)
    assert min(found.curves["accuracy_in_force"][-2:]) > 0.8
    assert found.scores["accuracy"] == found.outcomes.count("1") / len(found.outcomes)


@pytest.mark.parametrize("arm", ARMS)
def test_answers_are_probabilities_among_the_labels_in_force(arm):
    learner = start(arm, 4, 3, 8)
    x = on_grid(normalize(torch.randn(6, 3, generator=torch.Generator().manual_seed(1))))
    rows = Rows(torch.arange(6), x, torch.tensor([0, 1, 2, 0, 1, 2]))
    learner.add(rows)
    learner.settle()
    learner.withdraw(Rows(*(part[rows.y == 1] for part in rows)))
    learner.relabel(2, 3)
    learner.settle()
    in_force = torch.tensor([True, False, False, True])
    log_probs, similarity = learner.predict(x, in_force)
    assert torch.allclose(log_probs.exp().sum(-1), torch.ones(6), atol=1e-5)
    assert (log_probs[:, ~in_force] == -torch.inf).all()
    assert similarity is None or ((similarity >= 0) & (similarity <= 1)).all()


@pytest.mark.parametrize("arm", EXACT)
def test_how_events_are_batched_changes_no_bit(arm):
    _, x, queries = cluster_world(4)
    rows = Rows(torch.arange(len(x)), x, torch.arange(len(x)) % 3)
    whole, single = (start(arm, 3, WIDTH, len(x)) for _ in range(2))
    whole.add(rows)
    for i in range(len(x)):
        single.add(Rows(*(part[i : i + 1] for part in rows)))
    answers = []
    for learner in (whole, single):
        learner.settle()
        answers.append(learner.predict(queries.x, torch.ones(3, dtype=torch.bool)).log_probs)
    assert torch.equal(*answers)
