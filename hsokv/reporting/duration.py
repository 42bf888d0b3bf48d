"""How long the study took, as its criterion reads it: one measurement, from the start of a run to its statistics."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hsokv.exceptions import RecordError
from hsokv.files import read_json

MOST_CORES = 2  # that the criterion is meant for
MEANT = "one run from nothing up to its statistics, the swarm's measurement included; figures and pages come after"


def read_time(paths: Iterable[Path]) -> dict[str, Any] | None:
    """What `hsokv.study.wall_time.measure` wrote; None without it.

    Raises:
        RecordError: it is damaged.
    """
    for path in paths:
        found = read_json(path)
        kinds = {"minutes": int | float | None, "cores": int | None, "configuration": str, "machine": dict}
        if not isinstance(found, dict) or any(not isinstance(found.get(key, ...), kinds[key]) for key in kinds):
            raise RecordError(f"{path}: not a measured time: delete it, and the records for a time of the whole study")
        return found
    return None


def judge_time(time: Mapping[str, Any] | None, threshold: float, digest: str | None, path: str) -> dict[str, Any]:
    """Value, verdict, reason and evidence of the criterion; `digest` is that of the configuration, `path` where the
    time is kept.

    >>> judge_time({"minutes": 20.0, "cores": 2, "configuration": "a"}, 30.0, "a", "p")["verdict"]
    'pass'
    """
    reason = None
    if time is None:
        reason = "a small run is not timed"
    elif time["configuration"] != digest:
        reason = "the time that is kept is of another configuration"
    elif time["minutes"] is None:
        reason = "the run that ended went on from records of an earlier one"
    elif time["cores"] is None or time["cores"] > MOST_CORES:
        reason = f"wanted a run with at most {MOST_CORES} cores, came one with {time['cores'] or 'those of a cluster'}"
    if time is None or reason:
        return {"verdict": "not measured", "reason": reason}
    verdict = "pass" if time["minutes"] < threshold else "fail"
    words = MEANT if verdict == "pass" else f"{time['minutes']:.3g} is not under {threshold:g}; {MEANT}"
    return {"value": time["minutes"], "verdict": verdict, "reason": words, "evidence": [path]}
