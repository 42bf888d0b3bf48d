"""The study's criteria with their evidence, and whether any fails that was not known to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hsokv.exceptions import check_known
from hsokv.reporting.ledger import text

MARKS = {"pass": "met", "fail": "NOT MET", "not measured": "not measured"}
DECIDED = {  # what a verdict lets a reader say of the seeds and benchmarks of this study, and what not
    "pass": "to conclude: it holds on other seeds of this benchmark; not: on other benchmarks or encoders",
    "fail": "to conclude: this study does not show it; not: that it is false, unless the interval says so",
    "not measured": "to conclude: nothing, either way",
}
MEASURED = ("study", "cartpole")  # by a clock, not by seeds
OF_A_CLOCK = "to conclude: so it was on this machine at its moment; not: on another"


def failures(criteria: Iterable[Mapping[str, Any]], allowed: Iterable[str]) -> list[str]:
    """Names of the criteria that fail and are not `allowed` to, in order; what was not measured does not fail.

    Raises:
        ConfigurationError: one that is allowed is no criterion.

    >>> failures([{"name": "a", "verdict": "fail"}, {"name": "b", "verdict": "not measured"}], [])
    ['a']
    """
    criteria, allowed = list(criteria), list(allowed)
    for name in allowed:
        check_known("allow", name, [entry["name"] for entry in criteria])
    return [entry["name"] for entry in criteria if entry["verdict"] == "fail" and entry["name"] not in allowed]


def validation_page(
    criteria: Sequence[Mapping[str, Any]], statistics: Mapping[str, Any], allowed: Iterable[str]
) -> str:
    """Each criterion in plain text: verdict, threshold, value and interval, reason, records, and what it decides."""
    numbers, allowed, lines = statistics["numbers"], set(allowed), []
    if statistics["small"]:
        lines += ["Small run, not the study: its verdicts show that the machinery works and nothing else.", ""]
    for entry in criteria:
        stem = f"criteria.{entry['name']}"
        known = " (known, allowed)" if entry["verdict"] == "fail" and entry["name"] in allowed else ""
        lines.append(f"{MARKS[entry['verdict']]}: {entry['name']}, on {entry['benchmark']}{known}")
        threshold = text(numbers, f"{stem}.threshold")
        wanted = f"wanted {entry['comparison']} {threshold}" if entry["comparison"] else "no threshold"
        if entry["value"] is None:
            lines.append(f"  {wanted}; {entry['reason']}")
        else:
            unit = numbers[f"{stem}.value"]["unit"]
            ends = ", ".join(text(numbers, f"{stem}.{end}") for end in ("low", "high"))
            interval = f" [{ends}]" if entry["interval"] else ""
            lines.append(f"  {wanted}, came {text(numbers, f'{stem}.value')}{interval} {unit}: {entry['reason']}")
        records = entry["evidence"]
        several = f"{len(records)} files of records{f', {records[0]} and on' if records else ''}"
        lines.append(f"  evidence: {records[0] if len(records) == 1 else several}")
        by_clock = entry["benchmark"] in MEASURED and entry["value"] is not None
        lines.append(f"  {OF_A_CLOCK if by_clock else DECIDED[entry['verdict']]}")
    counts = [f"{sum(entry['verdict'] == verdict for entry in criteria)} {words}" for verdict, words in MARKS.items()]
    return "\n".join([*lines, "", ", ".join(counts).lower(), ""])
