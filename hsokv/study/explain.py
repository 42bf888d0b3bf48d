"""What a study would run, because of which change, and how long that took before, from Snakemake's own dry run."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

FOLLOWS = "follows from another job"
CAUSES = {  # what Snakemake says, and what it means here; in the order in which they count
    "Missing output files": "never made, or removed",
    "Updated input files": "a file it reads is newer",
    "Params have changed": "a setting has changed",
    "Software environment definition": "the environment has changed",
    "Set of input files has changed": "it reads other files than before",
    "Forced execution": "forced",
    "Input files updated by another job": FOLLOWS,
}
_JOB = re.compile(r"^Job \d+: (.*)\nReason: (.*)$", re.MULTILINE)
_DIGEST = re.compile(r"'[0-9a-f]{64}'")
_CHANGED = re.compile(r"before: (.*?) now: (.*?)(?:;|$)")


class Planned(NamedTuple):
    """A job that would run: its message and its first cause, with the change of setting where there is one."""

    message: str
    cause: str


def planned(output: str) -> list[Planned]:
    r"""The jobs in what a dry run printed.

    >>> planned("Job 1: sst2: knn\nReason: Missing output files: a, b; Input files updated by another job: c\n")
    [Planned(message='sst2: knn', cause='never made, or removed')]
    """
    return [Planned(message, cause_of(reason)) for message, reason in _JOB.findall(output)]


def cause_of(reason: str) -> str:
    """The first cause in a reason of Snakemake; a change of digests alone is one of code.

    >>> cause_of("Params have changed since last execution: before: '" + "a" * 64 + "' now: '" + "b" * 64 + "'")
    'code it uses has changed'
    >>> cause_of("Params have changed since last execution: before: 3 now: 4")
    'a setting has changed (3 -> 4)'
    """
    cause = next((meaning for words, meaning in CAUSES.items() if words in reason), reason)
    if cause != CAUSES["Params have changed"] or not (found := _CHANGED.search(reason)):
        return cause
    before, now = (_DIGEST.sub("", part).strip(" ,") for part in found.groups())
    return f"{cause} ({before or 'none'} -> {now or 'none'})" if before or now else "code it uses has changed"


def seconds_of(message: str, benchmarks: Mapping[str, str]) -> float | None:
    """How long the job of a message took when it last ran; None where it never did.

    `benchmarks`: of each rule its message and the file of its benchmark, with {wildcards.name} and {name} in them.
    """
    try:
        return json.loads(Path(_file_of(message, benchmarks) or "").read_text().splitlines()[-1])["s"]
    except (OSError, ValueError, IndexError, KeyError):
        return None


def _file_of(message: str, benchmarks: Mapping[str, str]) -> str | None:
    for pattern, path in benchmarks.items():
        parts = re.split(r"\{wildcards\.(\w+)\}", pattern)  # words and names in turn
        regex = "".join(rf"(?P<{part}>\S+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
        if found := re.fullmatch(regex, message):
            names = re.sub(r"\{(\w+),[^}]*\}", r"{\1}", path)  # without the constraints that Snakemake writes into it
            return names.format(**found.groupdict())
    return None


def explanation(jobs: Iterable[Planned], benchmarks: Mapping[str, str]) -> str:
    """Jobs by cause in plain text, causes of their own before what follows from them, and the time of all.

    Rules that only gather others have no benchmark, and are no jobs here.
    """
    jobs = [job for job in jobs if _file_of(job.message, benchmarks)]
    if not jobs:
        return "Nothing would run: everything is up to date.\n"
    times = {job.message: seconds_of(job.message, benchmarks) for job in jobs}
    lines = []
    for cause in sorted({job.cause for job in jobs}, key=lambda cause: (cause == FOLLOWS, cause)):
        lines.append(f"{cause}:")
        lines += [f"  {job.message} ({_duration(times[job.message])})" for job in jobs if job.cause == cause]
    known = [time for time in times.values() if time is not None]
    unknown = f"; {len(jobs) - len(known)} jobs were never timed" if len(known) < len(jobs) else ""
    lines.append(f"{len(jobs)} jobs; {_duration(sum(known))} one after the other, by the last time of each{unknown}")
    return "\n".join(lines) + "\n"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "never timed"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} minutes"
