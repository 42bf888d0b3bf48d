"""What the first paragraph of the report must say, decided from the statistics alone."""

from collections.abc import Mapping
from typing import Any

from hsokv.reporting.ledger import text

SUBJECT, ABLATED = "full", "kv_only"


def headline(statistics: Mapping[str, Any]) -> dict[str, Any]:
    """Which arm is best on each benchmark, and how `full` stands to each plain baseline and to `kv_only`.

    `full` is "ahead" of an arm where the interval of their paired difference lies above 0, "behind" where it lies
    under 0, "not told apart" where it reaches 0, and "not measured" without an interval.

    Returns:
        `small`, and `benchmarks`, a list in the order of the configuration: name, synthetic, status, reason,
        `best` (arm, mean, text), `best_baseline` and `kv_only` (arm, relation, difference of full minus the arm, low,
        high, text), `behind` and `not_told_apart` (names of baselines), and `sentence`, which says it in words.
    """
    rows = [_of_benchmark(statistics, name) for name in statistics["study"]["benchmarks"]]
    return {"small": statistics["small"], "benchmarks": rows}


def _of_benchmark(statistics: Mapping[str, Any], name: str) -> dict[str, Any]:
    study, numbers = statistics["study"], statistics["numbers"]
    synthetic = study["benchmarks"][name]["synthetic"]
    keys = {arm: f"{name}.headline.{arm}.accuracy.mean" for arm in study["arms"]}
    means = {arm: numbers[key]["value"] for arm, key in keys.items() if numbers[key]["value"] is not None}
    row = {"name": name, "synthetic": synthetic, "status": "done", "reason": None, "best": None}
    row |= {"best_baseline": None, "kv_only": None, "behind": [], "not_told_apart": []}
    title = f"{name} (synthetic stand-in)" if synthetic else name
    if not means:
        reason = "; ".join(dict.fromkeys(numbers[key]["reason"] for key in keys.values()))
        return row | {"status": "not run", "reason": reason, "sentence": f"On {title}: not run: {reason}."}
    best = max(means, key=means.__getitem__)
    row["best"] = {"arm": best, "mean": means[best], "text": numbers[keys[best]]["text"]}
    sentence = [f"On {title} the highest mean accuracy is {best}'s, {row['best']['text']} %."]
    if SUBJECT not in means:
        reason = numbers[keys[SUBJECT]]["text"] if SUBJECT in keys else "not in this study's configuration"
        return row | {"sentence": f"{sentence[0]} {SUBJECT}: {reason}."}
    standing = {arm: _standing(statistics, name, arm) for arm in means if arm != SUBJECT}
    baselines = [arm for arm in study["baselines"] if arm in standing]
    for relation, key in (("behind", "behind"), ("not told apart", "not_told_apart")):
        row[key] = [arm for arm in baselines if standing[arm]["relation"] == relation]
    if baselines:
        row["best_baseline"] = standing[max(baselines, key=means.__getitem__)]
        sentence.append(f"Against the best plain baseline, {_say(row['best_baseline'])}.")
        if others := [arm for arm in row["behind"] if arm != row["best_baseline"]["arm"]]:
            sentence.append(f"It is behind {', '.join(others)} as well.")
    row["kv_only"] = standing.get(ABLATED)
    if row["kv_only"]:
        sentence.append(f"Against the memory alone, {_say(row['kv_only'])}.")
    return row | {"sentence": " ".join(sentence)}


def _standing(statistics: Mapping[str, Any], benchmark: str, arm: str) -> dict[str, Any]:
    row = next(r for r in statistics["contrasts"] if (r["benchmark"], r["a"], r["b"]) == (benchmark, SUBJECT, arm))
    low, high = row["low"], row["high"]
    relation = "not measured"
    if low is not None:
        relation = "ahead" if low > 0 else "behind" if high < 0 else "not told apart"
    texts = [text(statistics["numbers"], f"{row['name']}.{end}") for end in ("difference", "low", "high")]
    spread = f"{texts[0]} points" + ("" if low is None else f" [{texts[1]}, {texts[2]}]")
    found = {"arm": arm, "relation": relation, "difference": row["difference"], "low": low, "high": high}
    return found | {"text": spread}


def _say(standing: Mapping[str, Any]) -> str:
    words = {
        "ahead": f"{SUBJECT} is ahead of",
        "behind": f"{SUBJECT} is behind",
        "not told apart": f"{SUBJECT} is not told apart from",
        "not measured": f"with fewer than 2 seeds no interval sets {SUBJECT} apart from",
    }
    return f"{words[standing['relation']]} {standing['arm']} ({standing['text']})"
