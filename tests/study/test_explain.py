"""What is said of a dry run: every job once, under its first cause, with the time of its own last run."""

import json

from hsokv.study.explain import FOLLOWS, explanation, planned

CODE = "Params have changed since last execution: Union of exclusive params before and now across all output: "
OUTPUT = f"""Building DAG of jobs...
[Wed Nov 25 17:25:23 2026]
Job 8: sst2: full
Reason: {CODE}before: '{"a" * 64}' now: '{"b" * 64}'
[Wed Nov 25 17:25:23 2026]
Job 9: sst2: ridge
Reason: {CODE}before: '{"a" * 64}', 0.1 now: '{"c" * 64}', 0.2; Input files updated by another job: x
[Wed Nov 25 17:25:23 2026]
Job 12: Figure flops
Reason: Input files updated by another job: results/statistics/statistics.json
Job 0: The report stands
Reason: Rules with a run or shell declaration but no output are always executed.
"""


def test_every_job_is_told_once_under_its_cause_and_what_follows_comes_last(tmp_path):
    (tmp_path / "flops.jsonl").write_text(json.dumps({"s": 1}) + "\n" + json.dumps({"s": 7.2}) + "\n")
    gone = {"sst2: full": "gone", "sst2: ridge": "gone"}
    page = explanation(planned(OUTPUT), gone | {"Figure {wildcards.name}": f"{tmp_path}/{{name}}.jsonl"})
    assert page.splitlines() == [
        "a setting has changed (0.1 -> 0.2):",
        "  sst2: ridge (never timed)",
        "code it uses has changed:",
        "  sst2: full (never timed)",
        f"{FOLLOWS}:",
        "  Figure flops (7 s)",
        "3 jobs; 7 s one after the other, by the last time of each; 2 jobs were never timed",
    ]


def test_a_study_that_stands_has_nothing_to_explain():
    assert explanation(planned("Building DAG of jobs...\nNothing to be done\n"), {}).startswith("Nothing would run")
