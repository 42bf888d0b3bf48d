"""What the swarm did: regret against the operations spent, and the descent of the agents of one named run."""

import numpy as np
import pandas as pd

from hsokv.analysis.frames import HEADLINE
from hsokv.analysis.runs import RUN, Key, Runs, points_of, status_of
from hsokv.analysis.scores import PROPOSED
from hsokv.records import RunRecord

POINTS = 81  # of the grid of FLOPs, log-spaced
NO_CURVE = "its records hold no curve of fold log-loss"
NO_LINEAGE = "its record holds no lineage"


def regret_of(runs: Runs) -> tuple[pd.DataFrame, pd.DataFrame, dict[Key, np.ndarray]]:
    """The frames `regret` and `regret_spans`, and the scores `regret_area`, `regret_end` and `flops_share` [seeds].

    Regret after f FLOPs is the best fold log-loss the arm had reached by then, minus the best that any arm reached on
    that benchmark, condition and seed with the whole allowance, in nats. Before an arm's first value there is none, and
    after its last the best stays. The area is over log10 f, exact for these steps, from the latest first value of an
    arm that has more than one (of any arm, where none has) to the allowance: the benchmark's span. An arm whose first
    value comes later has no area. All are means over the headline's conditions, seed by seed, on a grid of FLOPs.
    """
    spans, samples, curves, grids = [], {}, {}, []
    for name, benchmark in runs.study["benchmarks"].items():
        arms = {arm: [_best_so_far(run) for run in runs.headline(name, arm)] for arm in benchmark["arms"]}
        arms = {arm: of_runs for arm, of_runs in arms.items() if all(of_runs)}
        if not arms:
            continue
        first = {arm: max(spent[0] for spent, _ in of_runs) for arm, of_runs in arms.items()}
        searching = [arm for arm, of_runs in arms.items() if any(len(spent) > 1 for spent, _ in of_runs)]
        flops = {arm: [record.flops for record in runs.headline(name, arm)] for arm in arms}
        allowed = float(max(*(run["allowed"] for of_arm in flops.values() for run in of_arm), *first.values()))
        start = float(max(first[arm] for arm in searching or arms))
        spans.append({"benchmark": name, "start": start, "allowed": allowed})
        least = [min(best[-1] for _, best in of_run) for of_run in zip(*arms.values(), strict=True)]
        grid = np.geomspace(min(spent[0] for of_runs in arms.values() for spent, _ in of_runs), allowed, POINTS)
        grid[-1] = allowed  # what rounding left of it would be before the last value
        for arm, of_runs in arms.items():
            lines = [(spent, best - floor) for (spent, best), floor in zip(of_runs, least, strict=True)]
            reached = grid[grid >= first[arm]]
            told = {
                "curve": [line[np.searchsorted(spent, reached, side="right") - 1] for spent, line in lines],
                "regret_end": [line[-1] for _, line in lines],
                "flops_share": [run["spent"] / run["allowed"] for run in flops[arm]],
            }
            if first[arm] <= start:
                told["regret_area"] = [_area(spent, line, start, allowed) for spent, line in lines]
            for what, values in told.items():  # in the order of seeds, then conditions
                by_seed = np.array(values).reshape(len(benchmark["seeds"]), -1, *np.shape(values[0])).mean(axis=1)
                samples[name, HEADLINE, arm, what] = by_seed
            curves[name, HEADLINE, arm, "regret"] = samples.pop((name, HEADLINE, arm, "curve"))
            grids.append(reached)
    points = points_of(curves, lambda name: (-np.inf, np.inf)).assign(flops=np.concatenate(grids) if grids else [])
    # An arm with regret on another benchmark and none on this has a row that says why; streams have no folds.
    have, searched = {span["benchmark"] for span in spans}, {arm for _, _, arm, _ in curves}
    pairs = [(name, arm) for name, arm in runs.pairs if arm in searched and (name in have or not runs.is_stream(name))]
    return runs.headlines(points, pairs, NO_CURVE), pd.DataFrame(spans), samples


def lineage_of(runs: Runs) -> tuple[pd.DataFrame, int | None]:
    """Parents and scores of the agents of `full` in one run, that of the first benchmark's first headline condition and
    seed; and how many agents its prediction averages."""
    if PROPOSED not in runs.study["arms"]:
        return pd.DataFrame(), None
    key = runs.first(next(iter(runs.study["benchmarks"])), PROPOSED)
    base = dict(zip(RUN, key, strict=True))
    instruments = runs.done[key].instruments if key in runs.done else {}
    if not (instruments.get("lineage") and instruments.get("scores")):
        reason = NO_LINEAGE if key in runs.done else runs.records[key].reason if key in runs.records else "no record"
        return pd.DataFrame([base | status_of(reason)]), None
    parents, scores = np.array(instruments["lineage"]), np.array(instruments["scores"], dtype=float)  # [t, g, a]
    rounds, groups, agents = (index.ravel() for index in np.indices(parents.shape))
    of_agents = {"round": rounds + 1, "group": groups, "agent": agents, "parent": parents.ravel()}
    agents = pd.DataFrame(base | of_agents | {"score": scores.ravel()} | status_of(""))
    return agents, len(next(iter(instruments.get("members", {}).values()), ()))


def curves_of(record: RunRecord) -> dict[str, list[float]]:
    """The curves of a record, and by round of a swarm the shares of its agents that were `copied` over or `failed`.

    An agent is copied over when it goes on from another's state. After the last round nobody is, so `copied` has one
    value less than there are rounds.
    """
    lineage, curves = record.instruments.get("lineage"), record.curves
    if not lineage:
        return curves
    rounds = np.array(lineage).reshape(len(lineage), -1)
    agents = rounds.shape[1]
    failed = {"failed": [count / agents for count in curves["failed_agents"]]} if "failed_agents" in curves else {}
    return curves | {"copied": (rounds != np.arange(agents)).mean(1)[:-1].tolist()} | failed


def _best_so_far(record: RunRecord | None) -> tuple[np.ndarray, np.ndarray] | None:
    """FLOPs spent and the least fold log-loss till then; None where a record does not tell."""
    curves = record.curves if record else {}
    spent, losses = curves.get("spent", ()), curves.get("fold_log_loss", ())
    if not losses or len(losses) != len(spent) or min(spent) <= 0:
        return None
    return np.array(spent, dtype=np.float64), np.minimum.accumulate(np.array(losses, dtype=np.float64))


def _area(spent: np.ndarray, regret: np.ndarray, start: float, allowed: float) -> float:
    """Area under the steps over log10 of FLOPs, within the span; each value holds until the next."""
    return float(regret @ np.diff(np.log10(np.clip([*spent, allowed], start, allowed))))
