"""A made-up study with every kind of thing that a report prints; no run stands behind any number here."""

import base64
from pathlib import Path

from hsokv.analysis.frames import FORMAT, Study
from hsokv.report.document import write_report

TEMPLATES = Path(__file__).parents[2] / "report"
NO_DATA = "SST-2 is not in the data folder and it could not be fetched"
TEXT = "50 % of |x_1| < $5 & *more* # 王伟 שלום"
ARMS, BASELINES = ["full", "kv_only", "kv_random_search", "ridge", "knn", "joint"], ["ridge", "knn", "joint"]
SCORES = ["accuracy", "hit_rate", "hit_chance", "gate_mean", "accuracy_lost_without_memory", "memory_entries"]
SCORES += [
    "diversity",
    "diversity_initial",
    "regret_area",
    "regret_end",
    "flops_share",
    "memory_corrected",
    "balanced_accuracy",
]
STREAM = ["accuracy_task_incremental", "bwt_task_incremental", "retention", "carried_total"]
FIGURES = ["accuracy", "architecture", "contrasts", "flops", "learning_curve", "lineage", "memory", "regret", "streams"]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
NAMES = ["José Đặng", "Ewa Sądowska", "Vlad Țepeș", "Ngô Văn Tuấn", "Ann O'Neil"]
PLACE = "Department of Applied and Computational Linguistics"
PAPER = {
    "title": "Fine-tuning at 3.0e-5 is enough: O(n²) memories, 10⁻³ error and α-divergence",  # noqa: RUF001
    "authors": [{"name": name, "affiliation": f"{name[:2]} & Co, {PLACE}"} for name in NAMES],
    "anonymous": False,
    "keywords": ["memory"],
    "abstract": "On CIFAR-10. {headline} {criteria} {study.runs_done} runs; {rare_words.headline.full.accuracy}.",
}
CONTEXT = {"study": {}, "paper": PAPER, "digest": "d" * 64, "overlays": ["config/own.yaml"], "versions": {"hsokv": "1"}}


def made_up(*, seeds=2, best=0.1, small=False) -> Study:
    """`best` is what `full` has more than the best plain baseline, `ridge`; sst2 was not run, its stand-in was."""
    benchmarks = {
        name: {
            "arms": ARMS,
            "controls": [],
            "conditions": ["c1", "c2"],
            "headline": ["c1"],
            "seeds": list(range(seeds)),
        }
        | {"run_in_overlay": {}, "notes": [], "shots": {}, "user_copy": False, "stream": name == "split_cifar10"}
        | {"synthetic": name.endswith("_synthetic")}
        for name in ("rare_words", "sst2", "sst2_synthetic", "split_cifar10")
    }
    about = {"format": FORMAT, "arms": ARMS, "variants": ARMS[:3], "baselines": BASELINES, "small": small}
    about |= {"benchmarks": benchmarks, "split": "test", "versions": ["1"], "time": None, "scaling": None}
    about["runs"] = {"expected": 9, "done": 7, "not_run": 2}
    rows = {name: [] for name in ("runs", "scores", "contrasts", "costs", "tracks", "criteria", "most_read")}
    for name in benchmarks:
        end = {"status": "done", "reason": ""} if name != "sst2" else {"status": "not run", "reason": NO_DATA}
        done = end["status"] == "done"
        for place, arm in enumerate(ARMS):
            mean = 0.5 + best * (arm != "ridge") - 0.01 * place
            span = {"low": mean - 0.02, "high": mean + 0.02} if seeds > 1 else {}
            found = {"mean": mean, **span} if done else {}
            here = {"benchmark": name, "arm": arm}
            for condition in ("c1", "c2", "headline"):
                scores = SCORES + (STREAM if name == "split_cifar10" else [])
                rows["scores"] += [
                    {**here, "condition": condition, "score": s, "seeds": seeds, **found, **end} for s in scores
                ]
            for line in range(seeds):
                path = f"results/records/{name}/{arm}.jsonl"
                run = {"condition": "c1", "seed": line, "path": path, "line": line + 1, "code": f"code-{name}"}
                rows["runs"].append({**here, **run, "data": "x", **end})
            rows["costs"].append({**here, "flops_allowed": 6e9, "flops_spent": 1.2e9, **end})
            if arm != "full":
                span = {"difference": best, "low": best - 0.05, "high": best + 0.05} if done and seeds > 1 else {}
                lift = {"lift": best, "lift_low": best - 0.1, "lift_high": best + 0.1} if span else {}
                one = {"name": f"full_over_{arm}_{name}", "benchmark": name, "a": "full", "b": arm, "score": "accuracy"}
                test = {"family": arm == "kv_only", "p": 0.01, "p_holm": 0.03} if span else {"family": False}
                rows["contrasts"].append({**one, **span, **lift, **test, "seeds": seeds, **end})
        if name != "split_cifar10":
            track = {"benchmark": name, "condition": "c1", "encoder": "small", "tuned_by": "frozen"}
            rows["tracks"].append(
                track | ({"best": "ridge", "difference": best, "low": 0, "high": 1} if done else {}) | end
            )
    found = {"benchmark": "rare_words", "kind": "rate", "unit": "share", "comparison": ">"}
    found |= {"name": "hits", "threshold": 0.6, "value": 0.5, "low": 0.4, "high": 0.6, "verdict": "fail"}
    rows["criteria"] = [found | {"reason": "under it", "evidence": "results/records/rare_words/full.jsonl"}]
    entry = {
        "benchmark": "rare_words",
        "condition": "c1",
        "arm": "full",
        "seed": 1,
        "rank": 1,
        "label": 3,
        "count": 1.0,
    }
    rows["most_read"].append(
        entry | {"number": 2, "reads": 0.1, "right": 0.5, "text": TEXT, "status": "done", "reason": ""}
    )
    rows["regret_spans"] = [{"benchmark": name, "start": 1e8, "allowed": 6e9} for name in benchmarks]
    return Study.of(about, rows)


def write(folder: Path, study: Study, paper: dict = PAPER) -> Path:
    """Write the study's report below a folder; return that of the report."""
    study.write(folder / "statistics")
    records = sorted(study.runs["path"].unique())
    for path in records:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("{}\n")
    (folder / "figures").mkdir(exist_ok=True)
    for name in [*FIGURES, "swarm"]:
        (folder / "figures" / f"{name}.png").write_bytes(PIXEL)
    context = CONTEXT | {"paper": paper}
    report = folder / "report"
    write_report(folder / "statistics", records, TEMPLATES, folder / "figures", report, context, base=folder)
    return report
