"""The ledger: every number that the study prints, under one key, with its unit, its text and the records it is from."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from hsokv.exceptions import ConfigurationError

UNITS = {
    "accuracy": "share",
    "accuracy_without_memory": "share",
    "accuracy_lost_without_memory": "points",
    "accuracy_seen": "share",
    "hit_rate": "share",
    "hit_chance": "share",
    "hit_corrected": "share",
    "log_loss": "nats",
    "gate_entropy": "bits",
    "regret_area": "nats x decades",
    "regret_end": "nats",
    "flops_share": "share",
    "minutes": "minutes",
    **dict.fromkeys(("accuracy_task_incremental", "retention", "retention_task_incremental"), "share"),
    **{
        f"{name}{scenario}": "points"
        for name in ("bwt", "forgetting", "excess_forgetting")
        for scenario in ("", "_task_incremental")
    },
    **{f"carried_{name}": "KiB" for name in ("entries", "statistics", "weights", "total")},
    "carried_bytes": "bytes",
    **{f"memory_{name}": "share" for name in ("mended", "broken", "right_both", "wrong_both")},
    **{f"memory_{name}_examples": "examples" for name in ("mended", "broken")},
    **{f"memory_{name}": "entries" for name in ("entries", "capacity", "class_min", "class_median", "class_max")},
    **{f"memory_age_{name}": "writes" for name in ("mean", "oldest", "read")},
    **{f"memory_{name}": "share" for name in ("folded", "never_read", "top_tenth", "top_tenth_right")},
}
PRINTED = {"share": "percent", "lift": "percent", "ratio": "", "text": "", "count": "", "p": "", "score": ""}
"""The unit of the text, where it is another than the one that the value is kept in."""
PRINTED |= {"steps": "M steps", "steps/s": "M steps/s", "traffic": "kB", "memory": "MiB"}
SCALED = {"steps": (1e6, 1), "steps/s": (1e6, 2), "seconds": (1, 1), "traffic": (1e3, 0), "memory": (2**20, 0)}
SCALED |= {"minutes": (1, 1)}
"""What a unit of measured things is divided by when it is printed, and the places then shown."""
RULES = {
    "mean": "mean over seeds",
    "low": "lower end of the 95 % interval",
    "high": "upper end of the 95 % interval",
    "difference": "mean paired difference over seeds",
    "lift": "difference over the mean of the second arm",
    "lift_low": "lower end of the 95 % bootstrap interval of the lift",
    "lift_high": "upper end of the 95 % bootstrap interval of the lift",
    "p": "exact two-sided sign-flip test over seeds",
    "p_holm": "Holm's adjustment of p over the family of contrasts",
}
MOST_READ = {  # what is kept of each of the most read entries: its unit and its rule
    "label": ("count", "number of the entry's class"),
    "count": ("examples", "examples that the entry stands for"),
    "number": ("count", "when the entry was written: place in the order of the stream, from 0"),
    "reads": ("share", "share of this run's test reads in which the entry weighed most"),
    "right": ("share", "share of the entry's reads in which it had the query's label"),
    "text": ("text", "the example the entry was written from, shortened"),
}
MENDED = {  # what is kept of the test examples that a memory mends, or breaks, in most seeds
    "example": ("count", "place of the example in the test file, from 0"),
    "seeds": ("count", "number of seeds in which it is"),
}
SPAN = {  # of the part of the curves of regret that every arm with an area has
    "start": "the latest first value of an arm that searches, over the headline's runs",
    "allowed": "set in the configuration",
}
BEST = "the plain baseline with the highest mean accuracy"
PLACES = {"low": "interval/0", "high": "interval/1"}  # of the ends of a criterion's interval in its document
CONTRAST_ENDS = ("difference", "low", "high", "lift", "lift_low", "lift_high", "p", "p_holm")  # p in the family alone
NO_INTERVAL = "fewer than 2 seeds"
NO_TEXT = "the record holds no text of this entry"
NO_LIFT = "the second arm's interval reaches under 5 points"


def unit_of(score: str, *, difference: bool = False) -> str:
    """The unit a score, or a difference of two, is kept in; a score without a unit of its own is a ratio.

    >>> unit_of("accuracy"), unit_of("accuracy", difference=True), unit_of("diversity")
    ('share', 'points', 'ratio')
    """
    unit = UNITS.get(score, "ratio")
    return "points" if difference and unit == "share" else unit


def format_value(value: float | str, unit: str) -> str:
    """The text a value is printed as: shares in percent, differences and lifts signed, p to three places.

    >>> [format_value(0.634, "share"), format_value(0.0213, "points"), format_value(1.23e9, "FLOPs")]
    ['63.4', '+2.1', '1.2e9']
    >>> [format_value(0.0004, "p"), format_value(0.6931, "nats"), format_value(0.5, "ratio")]
    ['< 0.001', '0.693', '0.50']
    """
    if unit in ("count", "text"):
        return str(value)
    if unit in ("KiB", "bytes"):
        return f"{value:.0f}" if unit == "bytes" or value >= 100 else f"{value:.1f}"
    if unit in SCALED:
        by, places = SCALED[unit]
        return f"{value / by:.{places}f}"
    if unit in ("entries", "examples", "writes"):
        return f"{value:.1f}".removesuffix(".0")
    if unit == "p":
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    if unit == "FLOPs":
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}" if value else "0"
    if unit in ("points", "lift"):
        text = f"{100 * value:+.1f}"
    elif unit == "share":
        text = f"{100 * value:.1f}"
    else:
        text = f"{value:.3f}" if unit in ("nats", "bits", "nats x decades", "score") else f"{value:.2f}"
    return text.lstrip("+-") if float(text) == 0 else text  # no sign on what rounds to 0


def lookup(numbers: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The entry under `key`.

    Raises:
        ConfigurationError: there is none; the message names the nearest key there is.
    """
    if key not in numbers:
        near = get_close_matches(key, numbers, n=1, cutoff=0.0)
        raise ConfigurationError(
            f"no number is named {key!r} in the ledger; the nearest is {near[0]!r}: correct the name"
            if near
            else f"no number is named {key!r}: the ledger is empty, make the statistics first"
        )
    return numbers[key]


def text(numbers: Mapping[str, Any], key: str) -> str:
    """What is printed for `key`; raises like `lookup`."""
    return lookup(numbers, key)["text"]


def kept(
    value: Any,
    unit: str,
    rule: str,
    sources: list[str],
    seeds: list[int],
    at: str | None,
    reason=None,
    missing="not run",
) -> dict[str, Any]:
    """What the ledger keeps of a number; without a value its status is `missing` and its text says why."""
    return {
        "value": value,
        "unit": PRINTED.get(unit, unit),
        "text": f"{missing}: {reason}" if value is None else format_value(value, unit),
        "sources": sources,
        "rule": rule,
        "statistic": at,
        "seeds": seeds,
        "status": "done" if value is not None else missing,
        "reason": reason if value is None else None,
    }


def collect(statistics: Mapping[str, Any], criteria: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The ledger of everything in the statistics and the criteria: values as kept (shares in 0..1), texts as printed.

    Keys: `{benchmark}.{condition or headline}.{arm}.{score}.{mean, low, high}`;
    `{contrast}.{difference, low, high}`, of accuracy `{lift, lift_low, lift_high}`, in the family `{p, p_holm}` too;
    `{benchmark}.{arm}.flops.{allowed, spent}`; `{benchmark}.regret.{start, allowed}`;
    `{benchmark}.{condition}.{arm}.most_read.{rank}.{label, count, number, reads, right, text}`, of one run;
    `{benchmark}.{condition}.{arm}.{mended, broken}.{rank}.{example, seeds}`;
    `{benchmark}.seeds`; `criteria.{name}.{value, threshold, low, high, verdict, reason}`;
    `study.{version, evaluate_on, benchmarks, arms, runs, runs_done, runs_not_run}`.

    Raises:
        ConfigurationError: two numbers of one name.
    """
    benchmarks = statistics["study"]["benchmarks"]
    numbers: dict[str, dict[str, Any]] = {}

    def add(
        key: str,
        value: Any,
        unit: str,
        rule: str,
        reason: str | None = None,
        missing="not run",
        of=None,
        arms=("*",),
        seed=None,
        at=None,
    ) -> None:
        """File a number; without a value, its status is `missing` and its text says why.

        `of`: benchmark and condition; `seed`: the one run it is from, where it is not from all; `at`: where it stands
        in the documents of statistics.
        """
        if key in numbers:
            raise ConfigurationError(f"two numbers are named {key!r}: rename a contrast, criterion, benchmark or arm")
        benchmark = benchmarks.get(of[0]) if of else None
        sources = [f"{statistics['study']['records']}/{of[0]}/{arm}.jsonl" for arm in arms] if benchmark else []
        seeds = [seed] if seed is not None else list(benchmark["seeds"]) if benchmark else []
        numbers[key] = kept(value, unit, rule, sources, seeds, at, reason, missing)

    for index, row in enumerate(statistics["scores"]):
        place = (row["benchmark"], row["condition"])
        for end in ("mean", "low", "high"):
            key = ".".join((*place, row["arm"], row["score"], end))
            at, unit = f"statistics.json#/scores/{index}/{end}", unit_of(row["score"])
            add(key, row[end], unit, RULES[end], *_why(row, NO_INTERVAL), place, (row["arm"],), at=at)
    for index, row in enumerate(statistics["contrasts"]):
        place = (row["benchmark"], "headline")
        for end in CONTRAST_ENDS[: 8 if row["family"] else 6 if row["score"] == "accuracy" else 3]:
            undefined = NO_LIFT if end == "lift" or (end[:4] == "lift" and row["lift"] is None) else NO_INTERVAL
            unit = "lift" if end.startswith("lift") else "p" if end.startswith("p") else None
            unit = unit or unit_of(row["score"], difference=True)
            at, arms = f"statistics.json#/contrasts/{index}/{end}", (row["a"], row["b"])
            add(f"{row['name']}.{end}", row[end], unit, RULES[end], *_why(row, undefined), place, arms, at=at)
    for index, row in enumerate(statistics["costs"]):
        for end in ("allowed", "spent"):
            key = f"{row['benchmark']}.{row['arm']}.flops.{end}"
            place = (row["benchmark"], "headline")
            at = f"statistics.json#/costs/{index}/flops_{end}"
            add(key, row[f"flops_{end}"], "FLOPs", "mean over runs", *_why(row, ""), place, (row["arm"],), at=at)
    for index, row in enumerate(statistics["tracks"]):
        of = (row["benchmark"], row["condition"])
        stem, pair = ".".join(of), ("full", row["best"] or "*")
        at = f"statistics.json#/tracks/{index}"
        add(f"{stem}.best_baseline.name", row["best"], "text", BEST, *_why(row, ""), of, pair[1:], at=f"{at}/best")
        for end in ("difference", "low", "high"):
            key = f"{stem}.best_baseline.{end}"
            add(key, row[end], "points", RULES[end], *_why(row, NO_INTERVAL), of, pair, at=f"{at}/{end}")
        if row["tuning_flops"] is not None:
            key, at = f"{stem}.tuning_flops", f"{at}/tuning_flops"
            add(key, row["tuning_flops"], "FLOPs", "mean over seeds", of=of, arms=("full",), at=at)
    for name, span in statistics["swarm"]["spans"].items():
        for end, rule in SPAN.items():
            at = f"statistics.json#/swarm/spans/{name}/{end}"
            add(f"{name}.regret.{end}", span[end], "FLOPs", rule, of=(name, "headline"), at=at)
    for index, row in enumerate(statistics["memory"]["most_read"]):
        of, arms = (row["benchmark"], row["condition"]), (row["arm"],)
        for place, entry in enumerate(row["entries"]):
            for name, (unit, rule) in MOST_READ.items():
                key = ".".join((*of, *arms, "most_read", str(entry["rank"]), name))
                at = f"statistics.json#/memory/most_read/{index}/entries/{place}/{name}"
                add(key, entry[name], unit, rule, NO_TEXT, "undefined", of, arms, row["seed"], at)
    for index, row in enumerate(statistics["memory"]["mended"]):
        of, arms = (row["benchmark"], row["condition"]), (row["arm"],)
        for kind in ("mended", "broken"):
            for rank, example in enumerate(row[kind], start=1):
                for name, (unit, rule) in MENDED.items():
                    key = ".".join((*of, *arms, kind, str(rank), name))
                    at = f"statistics.json#/memory/mended/{index}/{kind}/{rank - 1}/{name}"
                    add(key, example[name], unit, rule, of=of, arms=arms, at=at)
    for index, judged in enumerate(criteria):
        place = (judged["benchmark"], "headline")
        arms = sorted({path.split("/")[-1].removesuffix(".jsonl") for path in judged["evidence"]}) or ["*"]
        ends = judged["interval"] or (None, None)
        value = zip(("value", "low", "high", "threshold"), (judged["value"], *ends, judged["threshold"]), strict=True)
        for end, number in value:
            rule = "set in the configuration" if end == "threshold" else "the criterion's headline value"
            reason = "no threshold in the configuration" if end == "threshold" else judged["reason"]
            key, at = f"criteria.{judged['name']}.{end}", f"criteria.json#/{index}/{PLACES.get(end, end)}"
            add(key, number, judged["unit"], rule, reason, "not measured", place, arms, at=at)
        for end in ("verdict", "reason"):
            at, rule = f"criteria.json#/{index}/{end}", "the verdict rule of its kind"
            add(f"criteria.{judged['name']}.{end}", judged[end], "text", rule, of=place, arms=arms, at=at)
    for name, benchmark in benchmarks.items():
        add(f"{name}.seeds", len(benchmark["seeds"]), "count", "set in the configuration", of=(name, "headline"))
    study = statistics["study"]
    add("study.version", ", ".join(study["versions"]) or None, "text", "versions in the records", "no record")
    add("study.evaluate_on", statistics["evaluate_on"], "text", "set in the configuration")
    for name in ("benchmarks", "arms"):
        add(f"study.{name}", len(study[name]), "count", "set in the configuration")
    for name, key in (("runs", "asked"), ("runs_done", "done"), ("runs_not_run", "not_run")):
        add(f"study.{name}", study["runs"][key], "count", "count of records")
    return numbers


def _why(row: Mapping[str, Any], undefined: str) -> tuple[str, str]:
    """Why a value of the row may be missing: it was not run, or it was and there is nothing to say of it."""
    return (row["reason"], "not run") if row["status"] != "done" else (undefined, "undefined")
