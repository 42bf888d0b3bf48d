"""Every table of the study as a frame of cells; a new one is a function and a line of `TABLES`."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import pandas as pd

from hsokv.analysis.frames import HEADLINE, Study
from hsokv.analysis.numbers import Number, Numbers
from hsokv.analysis.scaling import NODE_NAMES
from hsokv.analysis.scores import format_value
from hsokv.report.cells import DASH, STAND_IN, USER_COPY, Cell, Key, Table, Verbatim, fill, interval, plain

SMALL = "small run, not the study"
UNDEFINED = f"{DASH}: not defined for that benchmark."
AREA = "area under regret (nats \N{MULTIPLICATION SIGN} decades)"
CARRIED = ("entries", "statistics", "weights")
COMPARED = "split_cifar10"  # the stream that others have published figures of
PUBLISHED = (  # P. Buzzega et al. (2020), table 2: ResNet-18; class-incremental, task-incremental
    ("SGD without a memory", "19.6", "61.0"),
    ("experience replay, 500 images", "57.7", "93.6"),
    ("DER++, 500 images", "72.7", "93.9"),
    ("joint", "92.2", "98.3"),
)
BESIDE_PUBLISHED = ("neither", "fine_tune", "experience_replay", "ridge", "kv_only", "full", "joint")


class Remembered(Mapping[str, Number]):
    """Numbers, each looked up once: a number finds the lines of its runs anew at every look."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers, self._known = numbers, {}

    def __getitem__(self, key: str) -> Number:
        if key not in self._known:
            self._known[key] = self._numbers[key]
        return self._known[key]

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


class View:
    """A study with its numbers, and the cells that tables are made of."""

    def __init__(self, study: Study) -> None:
        self.study, self.numbers, self.benchmarks = study, Remembered(Numbers(study)), study.about["benchmarks"]
        self.table = cache(partial(make_table, self))

    def title(self, benchmark: str) -> str:
        """The name of a benchmark, with the mark of a stand-in or of a user's copy."""
        about = self.benchmarks.get(benchmark, {})
        marks = (STAND_IN, about.get("synthetic")), (USER_COPY, about.get("user_copy"))
        return " ".join([benchmark, *(mark for mark, holds in marks if holds)])

    def done(self, stem: str, *, ends: bool = False) -> Cell:
        """The mean at a stem, with its interval if `ends`; empty where there is none."""
        key = f"{stem}.mean"
        if key not in self.numbers or self.numbers[key].status != "done":
            return ()
        return interval(self.numbers, stem) if ends else (Key(key),)

    def several(self, stem: str, *scores: str) -> Cell:
        """Means of several scores, those there are, apart by dashes."""
        return joined((self.done(f"{stem}.{score}") for score in scores), f" {DASH} ")

    def accuracy(self, benchmark: str, condition: str, arm: str) -> Cell:
        """Accuracy with its interval; a dash where the arm is not defined for the benchmark."""
        about = self.benchmarks[benchmark]
        defined = arm in about["arms"] or arm in about["controls"]
        return interval(self.numbers, f"{benchmark}.{condition}.{arm}.accuracy") if defined else (DASH,)

    def with_any(self, *scores: str) -> list[tuple[str, str, str]]:
        """Benchmark, arm and stem of the headlines that have one of the scores, run or not."""
        stems = ((name, arm, f"{name}.{HEADLINE}.{arm}") for name, b in self.benchmarks.items() for arm in b["arms"])
        return [row for row in stems if any(f"{row[2]}.{score}.mean" in self.numbers for score in scores)]

    def of_scores(
        self,
        columns: Mapping[str, tuple[str, bool]],
        beside: tuple[str, ...] = (),
        among: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """A row for each benchmark (`among` these) and arm that has a score of `columns` not among `beside`.

        `columns`: score, and whether with its interval, by title.
        """
        rows, asked = [], [score for score, _ in columns.values() if score not in beside]
        for benchmark, arm, stem in self.with_any(*asked):
            if among is not None and benchmark not in among:
                continue
            cells = [self.done(f"{stem}.{score}", ends=ends) for score, ends in columns.values()]
            if any(cell for cell, (score, _) in zip(cells, columns.values(), strict=True) if score in asked):
                rows.append(((self.title(benchmark),), (arm,), *cells))
        return frame(["benchmark", "arm", *columns], rows)

    def measured(self, key: str) -> Cell:
        """A number of the distributed swarm; a dash where it is undefined."""
        return (Key(f"cartpole.{key}"),) if self.numbers[f"cartpole.{key}"].status == "done" else (DASH,)

    def row(self, stem: str, frame: pd.DataFrame) -> dict[str, Cell]:
        """The numbers of a row of the distributed swarm, by column."""
        return {name: self.measured(f"{stem}.{name}") for name in frame if f"cartpole.{stem}.{name}" in self.numbers}


def frame(columns: list[str], rows: list[tuple[Cell, ...]], note: str = "") -> pd.DataFrame:
    """A frame of cells, with what its note says beside that of the registry."""
    made = pd.DataFrame({name: pd.Series([row[i] for row in rows], dtype=object) for i, name in enumerate(columns)})
    made.attrs["note"] = note
    return made


def joined(cells: Any, between: str) -> Cell:
    """Cells as one, the empty ones left out."""
    parts: list[str] = []
    for cell in filter(None, cells):
        parts += [between, *cell] if parts else cell
    return tuple(parts)


def main(view: View) -> pd.DataFrame:
    """Headline accuracy: arms as rows, benchmarks as columns."""
    rows = [
        ((arm,), *(view.accuracy(name, HEADLINE, arm) for name in view.benchmarks)) for arm in view.study.about["arms"]
    ]
    largest = {name: key for name in view.benchmarks if (key := Key(f"{name}.largest_class")) in view.numbers}
    if largest:
        rows.append((("always the largest class",), *((largest.get(name, DASH),) for name in view.benchmarks)))
    seeds = ", ".join(f"{name} {{{name}.seeds}}" for name in view.benchmarks)
    streams = ", ".join(name for name, benchmark in view.benchmarks.items() if benchmark["stream"])
    note = [f"Test set: {{study.split}}. Seeds: {seeds}."]
    note += [f"{streams}: class-incremental, after the last task."] if streams else []
    note += [UNDEFINED] if any((DASH,) in row for row in rows) else []
    return frame(["arm", *map(view.title, view.benchmarks)], rows, " ".join(note))


def conditions(view: View, benchmark: str) -> pd.DataFrame:
    """Accuracy on one benchmark: arms, then controls, as rows, conditions as columns."""
    about = view.benchmarks[benchmark]
    arms = [(arm, arm) for arm in about["arms"]] + [(arm, f"{arm} (control)") for arm in about["controls"]]
    rows = [((words,), *(view.accuracy(benchmark, c, arm) for c in about["conditions"])) for arm, words in arms]
    elsewhere = ", ".join(f"{condition} ({overlay})" for condition, overlay in about["run_in_overlay"].items())
    note = "\N{DAGGER} counts in the headline." + (f" Not run in the default study: {elsewhere}." if elsewhere else "")
    columns = [f"{c} \N{DAGGER}" if c in about["headline"] else c for c in about["conditions"]]
    return frame(["arm", *columns], rows if not about["stream"] else [], note)


def tracks(view: View) -> pd.DataFrame:
    """`full` beside the best plain baseline, condition by condition, and the encoder that all arms were given there."""
    rows = []
    for row in view.study.tracks.itertuples():
        stem = f"{row.benchmark}.{row.condition}"
        told = [row.encoder, f"tuned by {row.tuned_by}" if row.tuned_by not in ("", "frozen") else ""]
        flops = (Key(f"{stem}.tuning_flops"),) if f"{stem}.tuning_flops" in view.numbers else ()
        cells = [(", ".join(filter(None, told)),), flops, view.accuracy(row.benchmark, row.condition, "full")]
        best, difference, lost = (), (), ()
        if row.status == "done":
            best = (f"{row.best} ", *view.accuracy(row.benchmark, row.condition, row.best))
            difference = interval(view.numbers, f"{stem}.best_baseline", "difference")
            lost = view.done(f"{stem}.full.accuracy_lost_without_memory", ends=True)
        rows.append(((view.title(row.benchmark),), (row.condition,), *cells, best, difference, lost))
    columns = ["benchmark", "condition", "encoder", "FLOPs to tune it", "full (%)", "best plain baseline (%)"]
    return frame([*columns, "full minus it (points)", "lost without memory (points)"], rows)


def regret(view: View) -> pd.DataFrame:
    """What each arm with fold log-losses found for what it spent, on each benchmark's headline."""
    columns = {AREA: ("regret_area", True), "regret at last (nats)": ("regret_end", True)}
    return view.of_scores(columns | {"allowance spent (%)": ("flops_share", False)})


def swarm(view: View) -> pd.DataFrame:
    """How far the agents of the arms that have several differ, and what that found, on each benchmark's headline."""
    columns = {
        "diversity at first": ("diversity_initial", False),
        "diversity after a round": ("diversity", True),
        "disagreement on dev": ("disagreement", False),
        AREA: ("regret_area", False),
        "allowance spent (%)": ("flops_share", False),
    }
    return view.of_scores(columns, beside=("regret_area", "flops_share"))


def balanced(view: View) -> pd.DataFrame:
    """Scores that count every class alike, beside accuracy, where classes differ in size; else they say the same."""
    columns = {
        "accuracy (%)": ("accuracy", True),
        "balanced accuracy (%)": ("balanced_accuracy", True),
        "macro-F1 (%)": ("macro_f1", True),
    }
    unequal = [name for name, about in view.benchmarks.items() if _unequal(about.get("data", {}).get("classes", {}))]
    return view.of_scores(columns, beside=("accuracy",), among=unequal)


def _unequal(classes: Mapping[str, list[int]]) -> bool:
    """Whether the largest class has twice the test examples of the smallest, or more."""
    sizes = [test for _, test in classes.values()]
    return bool(sizes) and max(sizes) >= 2 * min(sizes)


def contrasts(view: View) -> pd.DataFrame:
    """Paired differences on the headlines; p, plain and by Holm, for the family fixed before any run."""
    rows = []
    for row in view.study.contrasts.itertuples():
        other = row.score != "accuracy"
        lift = () if other else interval(view.numbers, row.name, "lift", "lift_low", "lift_high")
        p = [(Key(f"{row.name}.{name}"),) if row.family else () for name in ("p", "p_holm")]
        words = f"{row.a} minus {row.b}" + (f", {row.score.replace('_', ' ')}" if other else "")
        rows.append(((words,), (view.title(row.benchmark),), interval(view.numbers, row.name, "difference"), lift, *p))
    return frame(["contrast", "benchmark", "difference (points)", "lift (%)", "p", "p (Holm)"], rows)


def criteria(view: View) -> pd.DataFrame:
    """The study's success list with its verdicts."""
    rows = []
    for row in view.study.criteria.itertuples():
        key = f"criteria.{row.name}"
        known = not pd.isna(row.threshold)
        bound = f"{row.comparison} {format_value(row.threshold, row.unit).lstrip('+')}" if known else ""
        value = interval(view.numbers, key, "value") if not pd.isna(row.value) else ()
        told = [(Key(f"{key}.{end}"),) if getattr(row, end) else () for end in ("verdict", "reason")]
        rows.append(((row.name,), (row.benchmark,), (bound,) if bound else (), value, *told))
    return frame(["criterion", "decided on", "threshold", "value", "verdict", "reason"], rows)


def costs(view: View) -> pd.DataFrame:
    """Counted floating-point operations per run, spent of those allowed: arms as rows, benchmarks as columns."""
    cells = {}
    for row in view.study.costs.itertuples():
        spent, allowed = (Key(f"{row.benchmark}.{row.arm}.flops.{end}") for end in ("spent", "allowed"))
        cells[row.benchmark, row.arm] = (spent, " of ", allowed) if row.status == "done" else (spent,)
    rows = [
        ((arm,), *(cells.get((name, arm), (DASH,)) for name in view.benchmarks)) for arm in view.study.about["arms"]
    ]
    note = UNDEFINED if any((DASH,) in row for row in rows) else ""
    return frame(["arm", *map(view.title, view.benchmarks)], rows, note)


def memory(view: View) -> pd.DataFrame:
    """What the memory of each arm that has one was worth on each benchmark's headline, and how far it was trusted."""
    rows = []
    for name, arm, stem in view.with_any("hit_rate", "accuracy_lost_without_memory", "memory_entries"):
        cells = [view.done(f"{stem}.{score}", ends=True) for score in ("accuracy_lost_without_memory", "hit_rate")]
        cells += [view.done(f"{stem}.{score}") for score in ("hit_chance", "gate_mean", "gate_entropy")]
        cells.append(view.several(stem, *(f"similarity_{end}" for end in ("min", "mean", "max"))))
        cells = cells if any(cells) else [(DASH,)] * len(cells)
        rows.append(((view.title(name),), (arm,), view.accuracy(name, HEADLINE, arm), *cells))
    columns = ["benchmark", "arm", "accuracy (%)", "lost without memory (points)", "hit rate (%)", "chance (%)", "gate"]
    return frame([*columns, "gate entropy (bits)", f"nearest cosine: least {DASH} mean {DASH} most"], rows)


def occupancy(view: View) -> pd.DataFrame:
    """What the memory of each arm held on each benchmark's headline, and how its reads were spread."""
    rows = []
    for name, arm, stem in view.with_any("memory_entries"):
        entries, capacity = (view.done(f"{stem}.memory_{score}") for score in ("entries", "capacity"))
        held = joined((entries, capacity), " of ")
        per_class = view.several(stem, *(f"memory_class_{end}" for end in ("min", "median", "max")))
        used = [view.done(f"{stem}.memory_{s}") for s in ("age_read", "never_read", "top_tenth", "top_tenth_right")]
        ages = view.several(stem, "memory_age_mean", "memory_age_oldest")
        cells = [held, per_class, view.done(f"{stem}.memory_consolidated"), ages, *used]
        if not entries:
            cells = [(Key(f"{stem}.memory_entries.mean"),), *[(DASH,)] * 7]
        rows.append(((view.title(name),), (arm,), *cells))
    columns = ["benchmark", "arm", "entries held", "entries per class", "consolidated (%)", "age of entries"]
    columns += ["mean age when read", "never read (%)", "reads of top tenth (%)", "right of these (%)"]
    return frame(columns, rows)


def flips(view: View) -> pd.DataFrame:
    """How many test examples the memory of `full` and `kv_only` corrects, and harms, on each benchmark's headline."""
    rows = []
    for name, arm, stem in view.with_any("memory_corrected"):
        if arm not in ("full", "kv_only"):
            continue
        cells = [view.done(f"{stem}.memory_{kind}_examples") for kind in ("corrected", "harmed")]
        shares = ("corrected", "harmed", "right_both", "wrong_both")
        cells += [view.done(f"{stem}.memory_{kind}", ends=True) for kind in shares]
        cells = cells if any(cells) else [(Key(f"{stem}.memory_corrected.mean"),), *[(DASH,)] * 5]
        rows.append(((view.title(name),), (arm,), *cells))
    columns = ["benchmark", "arm", "corrected (examples a run)", "harmed (examples a run)", "corrected (%)"]
    return frame([*columns, "harmed (%)", "right either way (%)", "wrong either way (%)"], rows)


def flipped_examples(view: View) -> pd.DataFrame:
    """The test examples that the memory of `full` corrects, and harms, in most seeds."""
    rows = []
    flipped = view.study.flipped_examples
    for (name, condition, arm), here in flipped.groupby(["benchmark", "condition", "arm"], observed=True):
        cells = []
        for kind in ("corrected", "harmed"):
            stems = [f"{name}.{condition}.{arm}.{kind}.{rank}" for rank in here.loc[here["kind"] == kind, "rank"]]
            cells.append(joined(((Key(f"{s}.example"), " (", Key(f"{s}.seeds"), ")") for s in stems), ", ") or (DASH,))
        rows.append(((view.title(name),), (condition,), (Key(f"{name}.seeds"),), *cells))
    return frame(["benchmark", "condition", "seeds", "corrected most often", "harmed most often"], rows)


def most_read(view: View) -> pd.DataFrame:
    """The entries of the memory of `full` that were read most, in one run of each benchmark, with their texts."""
    rows, runs = [], {}
    for row in view.study.most_read.itertuples():
        title = (view.title(row.benchmark),)
        if row.status != "done":
            rows.append((title, *[()] * 5, (f"not run: {row.reason}",)))
            continue
        runs[f"{row.benchmark} {row.condition}, seed {row.seed}"] = None
        stem = f"{row.benchmark}.{row.condition}.{row.arm}.most_read.{row.rank}"
        keys = [(Key(f"{stem}.{name}"),) for name in ("label", "count", "number", "reads", "right")]
        rows.append((title, *keys, (Verbatim(row.text),) if row.text else (Key(f"{stem}.text"),)))
    columns = ["benchmark", "label", "stands for", "written", "reads (%)", "right (%)", "text"]
    return frame(columns, rows, f"One run each: {'; '.join(runs)}." if runs else "")


def stream(view: View, benchmark: str) -> pd.DataFrame:
    """How the arms learn one stream: a row an arm, under each condition, with what they carry to the next task."""
    columns = {
        "accuracy, class-incremental (%)": "accuracy",
        "accuracy, task-incremental (%)": "accuracy_task_incremental",
        "BWT, class-incremental (points)": "bwt",
        "BWT, task-incremental (points)": "bwt_task_incremental",
        "forgetting (points)": "forgetting",
        "excess over joint (points)": "excess_forgetting",
        "retention (%)": "retention",
    }
    about, rows = view.benchmarks[benchmark], []
    for condition in about["conditions"]:
        for arm in about["arms"]:
            stem = f"{benchmark}.{condition}.{arm}"
            cells = [view.done(f"{stem}.{score}", ends=True) for score in columns.values()]
            if not cells[0]:
                cells = [(Key(f"{stem}.accuracy.mean"),), *[()] * (len(columns) - 1)]
            parts = joined((view.done(f"{stem}.carried_{name}") for name in CARRIED), " + ")
            total = view.done(f"{stem}.carried_total")
            cells.append((*total, " (", *parts, ")") if total else ())
            rows.append(((condition,), (arm,), *(cell or (DASH,) for cell in cells)))
    names = ["condition", "arm", *columns, f"KiB carried ({' + '.join(CARRIED)})"]
    found = frame(names, rows if about["stream"] else [])
    return found.drop(columns="condition") if len(about["conditions"]) == 1 else found


def published(view: View) -> pd.DataFrame:
    """What was published of training from scratch on Split-CIFAR-10, above this study's arms on the same split."""
    about = view.benchmarks.get(COMPARED, {})
    rows = [((name,), ("published",), *((cell,) for cell in cells)) for name, *cells in PUBLISHED]
    rows = rows if about.get("stream") else []
    for arm in (arm for arm in BESIDE_PUBLISHED if rows and arm in about["arms"]):
        scores = ("accuracy", "accuracy_task_incremental")
        cells = (view.done(f"{COMPARED}.{HEADLINE}.{arm}.{score}", ends=True) for score in scores)
        rows.append(((arm,), ("this study",), *(cell or ("not run",) for cell in cells)))
    return frame(["method", "from", "class-incremental (%)", "task-incremental (%)"], rows)


def sharing(view: View) -> pd.DataFrame:
    """How soon each way of searching reaches the target, and what it sends."""
    rows = []
    for row in view.study.scaling_sharing.itertuples():
        cell = view.row(f"sharing.{row.arm}", view.study.scaling_sharing)
        names = ["steps_to_target", "seconds_to_target", "best", "copies", "diversity", "bytes_sent", "overhead"]
        rows.append(((row.arm,), (*cell["reached"], " of ", *cell["runs"]), *(cell[name] for name in names)))
    columns = ["arm", "reached 0.60", "M steps to it", "seconds to it", "best score", "copies", "diversity (%)"]
    return frame([*columns, "kB to workers", "not work (%)"], rows)


def speed(view: View) -> pd.DataFrame:
    """How fast the distributed swarm is, by backend and number of workers."""
    rows = []
    for row in view.study.scaling_speed.itertuples():
        cell = view.row(f"speed.{row.scaling}.{row.backend}.{row.node}.{row.workers}", view.study.scaling_speed)
        apart = ((row.scaling,), (row.backend,), (NODE_NAMES[row.node],), (str(row.workers),), (str(row.candidates),))
        ratios = (cell[name] for name in ("throughput", "speed_up", "over_one", "overhead"))
        work = _both(cell["work_seconds"], cell["supervisor_cpu_seconds"])
        rows.append((*apart, *ratios, work, cell["peak_memory_bytes"], cell["bytes_sent"]))
    columns = ["scaling", "backend", "measured on", "workers", "candidates", "M steps/s", "speed-up", "over one worker"]
    return frame([*columns, "not work (%)", "work, supervisor CPU (s)", "memory (MiB)", "kB to workers"], rows)


def validation(view: View) -> pd.DataFrame:
    """What the simulation predicts of the nodes that were measured, beside that."""
    rows = []
    for row in view.study.scaling_validation.itertuples():
        stem = f"validation.{row.nodes}.{row.latency:g}"
        told = (view.measured(f"{stem}.{name}") for name in ("measured", "error"))
        apart = ((str(row.nodes),), (f"{1e3 * row.latency:g}",))
        rows.append((*apart, interval(view.numbers, f"cartpole.{stem}", "predicted"), *told))
    columns = ["nodes", "latency (ms)", "predicted (M steps/s)", "measured (M steps/s)", "error (%)"]
    return frame(columns, rows)


def projection(view: View) -> pd.DataFrame:
    """What the simulation projects of more nodes than there were."""
    rows = []
    for row in view.study.scaling_projection.itertuples():
        stem = f"projection.{row.nodes}.{row.latency:g}"
        told = (interval(view.numbers, f"cartpole.{stem}", "throughput"), view.measured(f"{stem}.supervisor_busy"))
        rows.append(((str(row.nodes),), (f"{1e3 * row.latency:g}",), *told))
    return frame(["nodes", "latency (ms)", "projected (M steps/s)", "supervisor busy (%)"], rows)


def _both(one: Cell, other: Cell) -> Cell:
    return (DASH,) if (DASH,) in (one, other) else (*one, ", ", *other)


class Entry(NamedTuple):
    """A line of the registry; caption and note may name numbers, {key}, and {title}, {seeds} and {condition}."""

    function: Callable[..., pd.DataFrame]
    caption: str
    note: str = ""


MACHINE = "Measured on {cartpole.machine.cores} cores at a load of {cartpole.machine.load}."
TABLES = {  # in the order of the report; a name with {benchmark} stands for a table of each
    "main": Entry(main, "Accuracy in percent with its 95 % interval, one allowance of counted FLOPs for every arm"),
    "criteria": Entry(criteria, "Criteria of the study",
        "Rates and lifts in percent, differences, transfer and forgetting in points."),
    "contrasts": Entry(contrasts, "Paired differences with 95 % intervals",
        "Of accuracy, where no other score is named. p: exact two-sided sign-flip test over seeds, for the family of "
        "contrasts fixed before any run."),
    "balanced": Entry(balanced, "Accuracy beside scores that count every class alike, with 95 % intervals"),
    "tracks": Entry(tracks, "The full system by condition, with 95 % intervals",
        "What tuning the encoder took is charged to every arm of its condition. Tuned by contrast or cross-entropy: on "
        "the shots; by descriptions: on texts without labels, which descriptions of the labels guess."),
    "conditions_{benchmark}": Entry(conditions, "{title}: accuracy in percent with its 95 % interval, by condition"),
    "stream_{benchmark}": Entry(stream,
        "{title}{condition}: what the arms learn task after task, seen after the last one, with 95 % intervals",
        "Forgetting, excess and retention are class-incremental. Intervals of all but class-incremental accuracy are "
        f"over seeds alone. {DASH}: nothing to show."),
    "published": Entry(published,
        f"{COMPARED}: arms of this study below published figures of training from scratch",
        "Published: Buzzega et al. (2020), ResNet-18 trained whole on 50,000 images in 50 passes a task. Here heads "
        "and memories learn on frozen features, under an allowance of operations."),
    "memory": Entry(memory, "What the memory was worth, with 95 % intervals",
        "Chance: the hit rate of an entry drawn blindly. Intervals of hits are over seeds alone."),
    "occupancy": Entry(occupancy, "What the memory held, and how its reads were spread",
        f"Means over seeds. Per class: least {DASH} median {DASH} most; age: mean {DASH} oldest, in writes; "
        "consolidated: entries that stand for several examples."),
    "flips": Entry(flips, "What the memory corrects and what it harms, with 95 % intervals",
        "Corrected: right, and wrong once the memory's part of the prediction is zeroed; harmed: the other way round."),
    "flipped_examples": Entry(flipped_examples,
        "Test examples that the memory of full corrects or harms most often",
        "Indices in the test file, from 0, with the number of seeds; at least 2 of them."),
    "most_read": Entry(most_read, "The entries of the memory of full that were read most",
        "Stands for: number of examples; written: index in the order of writing, from 0; right: share of its reads."),
    "regret": Entry(regret, "Regret, with 95 % intervals",
        "Regret: best fold log-loss so far minus the best of any arm on the same benchmark and seed. Its area, over "
        "log10 of counted FLOPs, has one start for all; an arm whose first value comes later has none."),
    "swarm": Entry(swarm, "What the swarm did",
        "Diversity of hyperparameters, before and after the first round's copying (a search of one round copies "
        "nothing), the latter with its 95 % interval; disagreement of averaged agents."),
    "costs": Entry(costs,
        "Counted floating-point operations to fit a run, forward and backward, tuning and discarded agents included: "
        "spent of those allowed",
        "Means over the headline's runs. Predictions on the test set are charged to no arm."),
    "sharing": Entry(sharing,
        "Ways of searching on swing-up, at most {cartpole.learning.steps} M environment steps, {seeds} seeds",
        "Medians over the runs that reached the target, else means over seeds. one_search: one evolution strategy over "
        "all workers; one_process: the same in one process; independent and population: as many candidates, divided "
        "among agents, without and with copies; sequential: one strategy with few candidates, in one process. "
        f"{MACHINE}"),
    "speed": Entry(speed, "Speed of the distributed swarm, measured",
        "Medians over turns. Speed-up is over the single process on such a node with the same candidates, by turn; the "
        "ratio to one worker is no speed-up. Equal-share nodes are workers that share the cores of one machine, each "
        "held to the same share of a core, the single process too. Two unrelated processes at once do "
        f"{{cartpole.ceiling}} of one's work here. Memory is the supervisor's peak. {MACHINE}"),
    "validation": Entry(validation,
        "Nodes as predicted from one node, and as measured; median error {cartpole.error} %",
        "Strong scaling. The simulation was fitted to one node alone; 30 replications, the middle 95 % of them in "
        "brackets."),
    "projection": Entry(projection, "Projected, not measured: weak scaling of the distributed swarm",
        "A simulation of as many nodes as the one that was measured, and one supervisor; 30 replications."),
}  # fmt: skip
SCALING = ("sharing", "speed", "validation", "projection")


def table_names(streams: Mapping[str, bool], *, scaling: bool) -> list[str]:
    """Names of the tables of a study, given which of its benchmarks are streams and whether scaling was measured.

    >>> table_names({"sst2": False, "split_cifar10": True}, scaling=False)[5:7]
    ['conditions_sst2', 'stream_split_cifar10']
    """
    names = []
    for name in TABLES:
        kinds = [b for b, is_stream in streams.items() if is_stream == name.startswith("stream")]
        names += [name.format(benchmark=b) for b in kinds] if "{" in name else [name] * (scaling or name not in SCALING)
    return names


def make_table(view: View, name: str) -> Table:
    """The table of a name, as `table_names` gives it; in that of a small run caption and note say so."""
    about = view.study.about
    pattern, benchmark = (
        (name, None) if name in TABLES else (f"{name.split('_')[0]}_{{benchmark}}", name.split("_", 1)[1])
    )
    entry = TABLES[pattern]
    found = entry.function(view, benchmark) if benchmark else entry.function(view)
    one = view.benchmarks[benchmark]["conditions"] if benchmark else []
    words = {"title": view.title(benchmark or ""), "condition": f", {one[0]}" if len(one) == 1 else ""}
    words["seeds"] = str(len((about.get("scaling") or {}).get("learning", {}).get("seeds", ())))
    caption, note = entry.caption, " ".join(filter(None, (found.attrs["note"], entry.note)))
    if about["small"]:
        caption, note = f"{caption} ({SMALL})", f"{SMALL[0].upper()}{SMALL[1:]}. {note}".strip()
    shown = " ".join([*map(str, found.columns), *(plain(c, view.numbers) for row in found.to_numpy() for c in row)])
    for title in view.benchmarks:
        if title == benchmark or title in shown.replace(",", " ").split():
            note = " ".join([note, *(f"{title}: {n.rstrip('.')}." for n in view.benchmarks[title]["notes"])])
    parts = {name: (word,) for name, word in words.items()}
    return Table(found, fill(caption, parts), fill(note, parts))
