"""A made-up study with every kind of thing that a report prints; no run stands behind any number here."""

import base64
from functools import cache
from pathlib import Path

from hsokv.analysis.frames import Study
from hsokv.analysis.scaling import summarise
from hsokv.report.document import write_report
from hsokv.report.figures import FIGURES
from hsokv.report.provenance import Context
from tests.analysis import study as plain
from tests.analysis.example_scaling import SPEED_UP, measured, projected

TEMPLATES = Path(__file__).parents[2] / "report"
NO_DATA = "SST-2 is not in the data folder and it could not be fetched"
TEXT = "50 % of |x_1| < $5 & *more* # 王伟 שלום"
LONG = "an_arm_of_the_user_with_a_name_of_sixty_letters_and_no_blanks_"
VARIANTS, BASELINES = ["full", "kv_random_search", "kv_only"], ["ridge", "knn", LONG, "joint"]
HITS = {"full": 10, "kv_only": 9, "knn": 9, "joint": 12, "chance": 2, "oracle": 18}  # of 20
SHOTS = {"seeds": [0, 1, 2], "headline": ["shots16"], "conditions": ["shots1", "shots16"]}
SHOTS |= {"shots": {"shots1": 1, "shots16": 16}, "arms": VARIANTS + BASELINES}
OF_LEVELS = {"headline": ["level1"], "conditions": ["level1", "level2"], "controls": ["chance", "oracle"], "shots": {}}
STREAM = SHOTS | {"protocol": "stream", "headline": ["once"], "conditions": ["once"], "shots": {}}
BENCHMARKS = {"rare_words": SHOTS | OF_LEVELS, "sst2": SHOTS, "sst2_synthetic": SHOTS, "split_cifar10": STREAM}
CONTRASTS = [
    {"name": name, "benchmark": benchmark, "a": "full", "b": arm}
    for name, benchmark, arm in (("ablation", "rare_words", "kv_only"), ("over_knn", "sst2", "knn"))
] + [{"name": "no_arm", "benchmark": "rare_words", "a": "full", "b": "left_out"}]
DIVERSE = plain.CRITERION | {"name": "diverse", "score": "diversity", "at_least": 0.8}
MATRIX = [[0.9], [0.6, 0.8], [0.3, 0.5, 0.7]]
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
CONTEXT = Context({}, PAPER, "d" * 64, ["config/own.yaml"], {"hsokv": "1"})


def record(benchmark, condition, arm, seed, best):
    """`full` has `best` of 20 test examples more right than `ridge`; sst2 was not run, its stand-in was."""
    if benchmark == "sst2":
        return plain.not_run(benchmark, condition, arm, seed, NO_DATA)
    hits = HITS.get(arm, 10) + best * (arm == "full") + seed % 2
    scores = {"accuracy": hits / 20, "log_loss": 0.5}
    flops = {"allowed": 6 * 10**9, "spent": 10**9 * (arm != "knn")}
    curves, instruments = {}, {}
    if benchmark == "split_cifar10":
        scores |= {"accuracy_task_incremental": 0.8, "bwt_task_incremental": -0.1, "forgetting": 0.4, "retention": 0.6}
        curves["accuracy_seen"] = [0.9, 0.7, 0.5]
        instruments["accuracy_matrix"] = dict.fromkeys(("class_incremental", "task_incremental"), MATRIX)
        instruments["carried"] = {"entries_bytes": 2048, "statistics_bytes": 512, "weights_bytes": 1024}
    if arm in ("full", "kv_only"):
        scores |= {"hit_rate": 0.8, "hit_chance": 0.2, "accuracy_without_memory": 0.25, "gate_mean": 0.4 + seed / 10}
        instruments["memory"] = plain.memory(texts=["a", TEXT, "c", "d", "e"]) | plain.HELD
    if arm in VARIANTS and benchmark != "split_cifar10":
        scores |= {"diversity": 0.7, "diversity_initial": 0.9}
        curves |= {
            "fold_log_loss": [1.4 - hits / 20, 1.2 - hits / 20],
            "spent": [10**8, 10**9],
            "diversity": [0.9, 0.7, 0.5],
        }
        curves["failed_agents"] = [1, 0]
        lineage = [[[0, 1, 0], [3, 3, 5]], [[0, 1, 2], [3, 4, 4]]]
        agents = [[[0.5, 0.4, None], [0.3, 0.2, 0.1]], [[0.5, 0.4, 0.6], [0.3, 0.2, 0.1]]]
        if arm != "kv_only" or benchmark == "rare_words":  # elsewhere it tells of no copies
            instruments |= {"lineage": lineage, "scores": agents, "members": {"x": [1, 2]}}
    told = {"scores": scores, "outcomes": "1" * hits + "0" * (20 - hits), "shared_test": False, "flops": flops}
    return plain.record(benchmark, condition, arm, seed, **told, curves=curves, instruments=instruments)


@cache
def made_up(*, best: int = 2, seeds: int = 3, small: bool = False) -> Study:
    """To be read alone: tests that change it copy it."""
    benchmarks = {name: benchmark | {"seeds": list(range(seeds))} for name, benchmark in BENCHMARKS.items()}
    study = plain.configuration(benchmarks=benchmarks, arms=VARIANTS + BASELINES, small=small, contrasts=CONTRASTS)
    study |= {"variants": VARIANTS, "baselines": BASELINES, "criteria": [*plain.CRITERIA, DIVERSE, SPEED_UP]}
    return plain.analysed(study, lambda *run: record(*run, best), scaling=summarise(measured(), projected()))


def write(folder: Path, study: Study, paper: dict = PAPER) -> Path:
    """Write the study's report below a folder; return that of the report."""
    study.write(folder / "statistics")
    records = sorted(study.runs.loc[study.runs["path"] != "", "path"].unique())
    for path in [*records, *(f"results/scaling/{name}.json" for name in ("measured", "projected"))]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("{}\n")
    (folder / "figures").mkdir(exist_ok=True)
    for name in FIGURES:
        (folder / "figures" / f"{name}.png").write_bytes(PIXEL)
    context, report = CONTEXT._replace(paper=paper), folder / "report"
    write_report(folder / "statistics", records, TEMPLATES, folder / "figures", report, context, base=folder)
    return report
