"""What the first paragraph of the report must say, decided from the statistics alone."""

from collections.abc import Mapping
from typing import Any

SUBJECT, ABLATED = "full", "kv_only"
RELATIONS = {
    "worse": "worse than",
    "no different": "no different from",
    "better": "better than",
    "not measured": "set apart by no interval from",
}
REFERENCE = "joint"  # learns from all the data seen so far: what a stream could reach, not a rival under its rules
CONTROLS = {  # arms without which a gain of `full` over `kv_only` could not be told from that of their parts
    "kv_closed_form": "the same memory with the same keys and no swarm",
    "kv_random_search": "random search in the same box with the same averaging",
    "kv_flat_population": "the same swarm in one group",
    "single_all_compute": "one agent that takes all the steps of the swarm",
}


def headline(statistics: Mapping[str, Any]) -> dict[str, Any]:
    """How `full` stands to the best plain baseline, `kv_only` and its controls on each benchmark, and what leads.

    `full` is "better" than an arm where the interval of their paired difference lies above 0, "worse" where it lies
    under 0, "no different" where it reaches 0, and "not measured" without an interval.

    Returns:
        `small`; `lead`, the first sentences of the report, on benchmarks that are no stand-ins; and `benchmarks`, in
        the order of the configuration, stand-ins last: name, synthetic, status, reason, `best_baseline`, `kv_only`,
        each None or (arm, relation, words, difference of full minus the arm, low, high), and `controls`, such rows of
        every control among its arms, run or not. `joint` is no baseline here.
    """
    names = statistics["study"]["benchmarks"]
    rows = sorted((_of_benchmark(statistics, name) for name in names), key=lambda row: row["synthetic"])
    lead = _lead([row for row in rows if not row["synthetic"]])
    return {"small": statistics["small"], "lead": lead, "benchmarks": rows}


def _of_benchmark(statistics: Mapping[str, Any], name: str) -> dict[str, Any]:
    study, numbers = statistics["study"], statistics["numbers"]
    arms = study["benchmarks"][name]["arms"]
    keys = {arm: f"{name}.headline.{arm}.accuracy.mean" for arm in arms}
    means = {arm: numbers[key]["value"] for arm, key in keys.items() if numbers[key]["value"] is not None}
    row = {"name": name, "synthetic": study["benchmarks"][name]["synthetic"], "status": "done", "reason": None}
    row |= {"best_baseline": None, "kv_only": None, "controls": []}
    if SUBJECT not in means:
        missing = numbers[keys[SUBJECT]]["reason"] if SUBJECT in keys else f"{SUBJECT} is not among its arms"
        return row | {"status": "not run", "reason": missing}
    baselines = [arm for arm in study["baselines"] if arm in means and arm != REFERENCE]
    if baselines:
        row["best_baseline"] = _standing(statistics, name, max(baselines, key=means.__getitem__))
    if ABLATED in means:
        row["kv_only"] = _standing(statistics, name, ABLATED)
    row["controls"] = [_standing(statistics, name, arm) for arm in CONTROLS if arm in arms]
    return row


def _lead(rows: list[dict[str, Any]]) -> str:
    """Whether the full system beats the best plain baseline anywhere, its memory alone, and each of its controls."""
    lead, subject = "", "With the same allowance of counted operations, the full system"
    for key, rival in (("best_baseline", "the best plain baseline"), ("kv_only", "its memory alone")):
        standings = {row["name"]: row[key]["relation"] for row in rows if row[key]}
        lead += f"{subject} is {_told(rival, standings)}."
        subject = " It"
    alike: dict[str, list[str]] = {}  # controls to which it stands alike on every benchmark that has them
    apart = ""
    for arm, words in CONTROLS.items():
        found = [(row["name"], control) for row in rows for control in row["controls"] if control["arm"] == arm]
        standings = {name: control["relation"] for name, control in found}
        if len(set(standings.values())) == 1:
            alike.setdefault(next(iter(standings.values())), []).append(words)
        elif standings:
            apart += f" It is {_told(words, standings)}."
    for relation, words in RELATIONS.items():
        if relation in alike:
            lead += f" It is {words} {_listed(alike[relation])}, wherever they were run."
    return lead + apart


def _told(rival: str, standings: Mapping[str, str]) -> str:
    """How it stands to a rival on every benchmark, in words; the worst comes first."""
    groups = []
    for relation, words in RELATIONS.items():
        if names := [name for name, found in standings.items() if found == relation]:
            groups.append(f"{words} {'it' if groups else rival} on {_listed(names)}")
    return ", and ".join(groups) if groups else f"compared with {rival} by no run"


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _standing(statistics: Mapping[str, Any], benchmark: str, arm: str) -> dict[str, Any]:
    keys, wanted = ("benchmark", "a", "b", "score"), (benchmark, SUBJECT, arm, "accuracy")
    row = next(row for row in statistics["contrasts"] if tuple(row[key] for key in keys) == wanted)
    low, high = row["low"], row["high"]
    relation = "not measured"
    if low is not None:
        relation = "better" if low > 0 else "worse" if high < 0 else "no different"
    found = {"arm": arm, "relation": relation, "words": CONTROLS.get(arm, arm), "status": row["status"]}
    return found | {"difference": row["difference"], "low": low, "high": high}
