"""What the report must say first, decided from the frames alone: how `full` stands to its rivals."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from hsokv.analysis.frames import HEADLINE, Study
from hsokv.report.cells import listed

PROPOSED, ABLATED = "full", "kv_only"
RELATIONS = {
    "worse": "worse than",
    "no different": "no different from",
    "better": "better than",
    "not measured": "set apart by no interval from",
}
REFERENCE = "joint"  # learns from all the data seen so far: what a stream could reach, not a rival under its rules
CONTROLS = {  # arms without which a gain of `full` over `kv_only` could not be told from that of their parts
    "kv_closed_form": "the same memory with keys in closed form and no swarm",
    "kv_learnt_maps": "the same memory with the same key and query maps and no swarm",
    "kv_random_search": "random search in the same space with the same averaging",
    "kv_flat_population": "the same swarm in one group",
    "single_agent_equal_flops": "one agent that takes all the steps of the swarm",
}


class Standing(NamedTuple):
    """How `full` stands to an arm on one benchmark; `contrast` names the difference."""

    arm: str
    relation: str
    contrast: str
    words: str


class Finding(NamedTuple):
    """What was found on one benchmark; `best` is its best plain baseline, `reason` why `full` has no result there."""

    name: str
    synthetic: bool
    reason: str
    best: Standing | None
    ablated: Standing | None
    controls: tuple[Standing, ...]

    @property
    def rivals(self) -> tuple[Standing, ...]:
        """The memory alone and the controls of the swarm."""
        return (*filter(None, [self.ablated]), *self.controls)


def findings(study: Study) -> list[Finding]:
    """What was found on each benchmark in the configuration's order, stand-ins last. `joint` is no baseline here.

    Better and worse: the interval of the paired difference in accuracy lies on one side of 0; no different: it
    reaches 0.
    """
    names = sorted(study.about["benchmarks"], key=lambda name: study.about["benchmarks"][name]["synthetic"])
    return [_finding(study, name) for name in names]


def _finding(study: Study, name: str) -> Finding:
    about, scores = study.about["benchmarks"][name], study.scores
    rows = scores[(scores["benchmark"] == name) & (scores["condition"] == HEADLINE) & (scores["score"] == "accuracy")]
    rows = rows.set_index(rows["arm"].astype(str))
    means, reasons = rows["mean"].dropna().to_dict(), rows["reason"].to_dict()
    if PROPOSED not in means:
        return Finding(
            name, about["synthetic"], reasons.get(PROPOSED, f"{PROPOSED} is not among its arms"), None, None, ()
        )
    contrasts = study.contrasts
    contrasts = contrasts[
        (contrasts["benchmark"] == name) & (contrasts["a"] == PROPOSED) & (contrasts["score"] == "accuracy")
    ]
    ends = contrasts.drop_duplicates("b")[["b", "low", "high", "name"]]
    standings = {b: _standing(b, *others) for b, *others in ends.itertuples(index=False, name=None)}
    baselines = [arm for arm in study.about["baselines"] if arm in means and arm != REFERENCE and arm in standings]
    best = standings[max(baselines, key=means.__getitem__)] if baselines else None
    ablated = standings.get(ABLATED) if ABLATED in means else None
    return Finding(
        name, about["synthetic"], "", best, ablated, tuple(standings[arm] for arm in CONTROLS if arm in standings)
    )


def _standing(arm: str, low: float, high: float, contrast: str) -> Standing:
    relation = "better" if low > 0 else "worse" if high < 0 else "no different"
    return Standing(arm, "not measured" if pd.isna(low) else relation, contrast, CONTROLS.get(arm, arm))


def lead(found: Iterable[Finding]) -> str:
    """The first sentences of the report, on benchmarks that are no stand-ins; the worst news comes first."""
    found = [finding for finding in found if not finding.synthetic]
    sentences, subject = [], "With the same allowance of counted operations, the full system"
    for rival, words in (("best", "the best plain baseline"), ("ablated", "its memory alone")):
        relations = {finding.name: standing.relation for finding in found if (standing := getattr(finding, rival))}
        sentences.append(f"{subject} is {_told(words, relations)}.")
        subject = "It"
    alike: dict[str, list[str]] = {}  # controls to which it stands alike on every benchmark that has them
    apart = []
    for arm, words in CONTROLS.items():
        relations = {f.name: standing.relation for f in found for standing in f.controls if standing.arm == arm}
        if len(set(relations.values())) == 1:
            alike.setdefault(next(iter(relations.values())), []).append(words)
        elif relations:
            apart.append(f"It is {_told(words, relations)}.")
    together = [
        f"It is {words} {listed(alike[r])}, wherever they were run." for r, words in RELATIONS.items() if r in alike
    ]
    return " ".join([*sentences, *together, *apart])


def _told(rival: str, relations: Mapping[str, str]) -> str:
    groups: list[str] = []
    for relation, words in RELATIONS.items():
        if names := [name for name, actual in relations.items() if actual == relation]:
            groups.append(f"{words} {'it' if groups else rival} on {listed(names)}")
    return ", and ".join(groups) if groups else f"compared with {rival} by no run"


def verdicts(study: Study) -> str:
    """Which criteria were met, which were not, and which were not measured."""
    words = {"pass": "met", "fail": "not met", "not measured": "not measured"}
    names = {said: study.criteria.loc[study.criteria["verdict"] == verdict, "name"] for verdict, said in words.items()}
    return (
        " ".join(f"Criteria {said}: {listed(found)}." for said, found in names.items() if len(found))
        or "No criterion is set."
    )


def not_run(study: Study) -> list[tuple[str, str]]:
    """What was not run and why, each subject with each of its reasons once."""
    missing: dict[tuple[str, str], set[str]] = {}
    for row in study.scores[study.scores["status"] != "done"].itertuples():
        missing.setdefault((row.benchmark, row.reason), set()).add(row.arm)
    rows = []
    for (name, reason), arms in missing.items():
        about = study.about["benchmarks"][name]
        every = {*about["arms"], *about["controls"]}
        rows.append((name if arms == every else f"{name}, {', '.join(sorted(arms))}", reason))
    unjudged = study.criteria[study.criteria["verdict"] == "not measured"]
    return rows + [(f"criterion {row.name}", row.reason) for row in unjudged.itertuples()]
