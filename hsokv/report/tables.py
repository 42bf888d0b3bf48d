"""Every table of the study as a frame of cells; a new one is a line of `TABLES`, and a function where cells differ."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import NamedTuple

import pandas as pd

from hsokv.analysis.frames import HEADLINE, Config, Study
from hsokv.analysis.numbers import SCALING, Numbers
from hsokv.analysis.scaling import NODE_NAMES
from hsokv.analysis.scores import format_value
from hsokv.exceptions import ConfigurationError, nearest
from hsokv.report.cells import DASH, STAND_IN, USER_COPY, Cell, Key, Table, Verbatim, fill, interval, plain

SMALL = "small run, not the study"
UNDEFINED = f"{DASH}: not defined for that benchmark."
AREA = "area under regret (nats \N{MULTIPLICATION SIGN} decades)"
_FIELD = re.compile(r"\{(\w+)(\+?)\}")
STREAM = {
    "accuracy, class-incremental (%)": "{accuracy+}",
    "accuracy, task-incremental (%)": "{accuracy_task_incremental+}",
    "BWT, class-incremental (points)": "{bwt+}",
    "BWT, task-incremental (points)": "{bwt_task_incremental+}",
    "forgetting (points)": "{forgetting+}",
    "excess over joint (points)": "{excess_forgetting+}",
    "retention (%)": "{retention+}",
    "KiB carried (entries + statistics + weights)": "{carried_total} ({carried_entries} + {carried_statistics} + "
    "{carried_weights})",
}


class View:
    """A study with its numbers, and the cells that tables are made of."""

    def __init__(self, study: Study) -> None:
        self.study, self.numbers, self.benchmarks = study, Numbers(study), study.about["benchmarks"]
        self.table = cache(partial(make_table, self))

    def title(self, benchmark: str) -> str:
        """The name of a benchmark, with the mark of a stand-in or of a user's copy."""
        about = self.benchmarks.get(benchmark, {})
        marks = (STAND_IN, about.get("synthetic")), (USER_COPY, about.get("user_copy"))
        return " ".join([benchmark, *(mark for mark, holds in marks if holds)])

    def done(self, key: str) -> bool:
        """Whether there is such a number, and a run gave it."""
        return key in self.numbers and self.numbers[key].status == "done"

    def cell(self, template: str, stem: str, row: Mapping[str, object] | None = None) -> Cell:
        """A cell of a template such as `{hit_rate+}` or `{reached} of {runs}`.

        A name stands for the number, or the mean of the score, of this name at a stem, with `+` with its interval; else
        for a word of the row. A number without a value is left out with the words before it.
        """
        literals, parts = _FIELD.split(template), []
        for index, (before, name, ends) in enumerate(zip(literals[::3], literals[1::3], literals[2::3], strict=False)):
            key = f"{stem}.{name}" if f"{stem}.{name}" in self.numbers else f"{stem}.{name}.mean"
            word = (str(row[name]),) if row and name in row and key not in self.numbers else ()
            if found := word or (self.done(key) and (interval(self.numbers, key) if ends else (Key(key),))):
                parts += [before] * bool(before and (parts or not index))
                parts += found
        return (*parts, literals[-1]) if parts and literals[-1] else tuple(parts)

    def accuracy(self, benchmark: str, condition: str, arm: str) -> Cell:
        """Accuracy with its interval; a dash where the arm is not defined for the benchmark."""
        about = self.benchmarks[benchmark]
        defined = arm in about["arms"] or arm in about["controls"]
        return interval(self.numbers, f"{benchmark}.{condition}.{arm}.accuracy.mean") if defined else (DASH,)


def frame(columns: Iterable[str], rows: list[tuple[Cell, ...]], note: str = "") -> pd.DataFrame:
    """A frame of cells, with what its note says beside that of the registry."""
    made = pd.DataFrame({name: pd.Series([row[i] for row in rows], dtype=object) for i, name in enumerate(columns)})
    made.attrs["note"] = note
    return made


def by_arm(
    view: View,
    columns: Mapping[str, str],
    of: str,
    *,
    dashes: bool = False,
    where: Callable[[Config, str], bool] | None = None,
) -> pd.DataFrame:
    """A row for each benchmark and arm whose headline has one of the scores `of`; a template of a cell by title.

    With `dashes` a row without any of them says why, else it is left out; `where` tells from what is known of a
    benchmark, and the arm, whether they are shown.
    """
    rows = []
    for name, about in view.benchmarks.items():
        for arm in (arm for arm in about["arms"] if where is None or where(about, arm)):
            stem = f"{name}.{HEADLINE}.{arm}"
            known = [score for score in of.split() if f"{stem}.{score}.mean" in view.numbers]
            cells = [view.cell(template, stem) for template in columns.values()]
            if known and not any(view.done(f"{stem}.{score}.mean") for score in known):
                if not dashes:
                    continue
                cells = [(Key(f"{stem}.{known[0]}.mean"),), *[(DASH,)] * (len(columns) - 1)]
            if known:
                rows.append(((view.title(name),), (arm,), *cells))
    return frame(["benchmark", "arm", *columns], rows)


def by_row(view: View, name: str, columns: Mapping[str, str]) -> pd.DataFrame:
    """A row for each of a frame of the distributed swarm; a template of a cell by title, a dash for what is missing."""
    rows = []
    for row in getattr(view.study, f"scaling_{name}").to_dict("records"):
        stem = f"cartpole.{name}.{SCALING[name].format(**row)}"
        row |= {"measured_on": NODE_NAMES[row["node"]]} if "node" in row else {}
        row |= {"milliseconds": f"{1e3 * row['latency']:g}"} if "latency" in row else {}
        rows.append(tuple(view.cell(template, stem, row) or (DASH,) for template in columns.values()))
    return frame(columns, rows)


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
            difference = interval(view.numbers, f"{stem}.best_baseline.difference")
            lost = view.cell("{accuracy_lost_without_memory+}", f"{stem}.full")
        rows.append(((view.title(row.benchmark),), (row.condition,), *cells, best, difference, lost))
    columns = ["benchmark", "condition", "encoder", "FLOPs to tune it", "full (%)", "best plain baseline (%)"]
    return frame([*columns, "full minus it (points)", "lost without memory (points)"], rows)


def _unequal(about: Config, arm: str) -> bool:
    """Whether the largest class has twice the test examples of the smallest, or more."""
    sizes = [test for _, test in about.get("data", {}).get("classes", {}).values()]
    return bool(sizes) and max(sizes) >= 2 * min(sizes)


def contrasts(view: View) -> pd.DataFrame:
    """Paired differences on the headlines; p, plain and by Holm, for the family fixed before any run."""
    rows = []
    for row in view.study.contrasts.itertuples():
        accuracy = row.score == "accuracy"
        words = f"{row.a} minus {row.b}" + ("" if accuracy else f", {row.score.replace('_', ' ')}")
        cells = [interval(view.numbers, f"{row.name}.{name}") for name in ("difference", *["lift"] * accuracy)]
        cells += [] if accuracy else [()]
        cells += [(Key(f"{row.name}.{name}"),) if row.family else () for name in ("p", "p_holm")]
        rows.append(((words,), (view.title(row.benchmark),), *cells))
    return frame(["contrast", "benchmark", "difference (points)", "lift (%)", "p", "p (Holm)"], rows)


def criteria(view: View) -> pd.DataFrame:
    """The study's success list with its verdicts."""
    rows = []
    for row in view.study.criteria.itertuples():
        key = f"criteria.{row.name}"
        known = not pd.isna(row.threshold)
        bound = f"{row.comparison} {format_value(row.threshold, row.unit).lstrip('+')}" if known else ""
        value = interval(view.numbers, f"{key}.value") if not pd.isna(row.value) else ()
        told = [(Key(f"{key}.{end}"),) if getattr(row, end) else () for end in ("verdict", "reason")]
        rows.append(((row.name,), (row.benchmark,), (bound,) if bound else (), value, *told))
    return frame(["criterion", "decided on", "threshold", "value", "verdict", "reason"], rows)


def costs(view: View) -> pd.DataFrame:
    """Counted floating-point operations per run: what every arm may spend, then what each arm spent."""
    of = view.study.costs.set_index(["benchmark", "arm"])
    allowed = of["flops_allowed"].dropna().groupby("benchmark", observed=True).agg(["max", "idxmax"])
    first, rows = [("allowed",)], []
    for name in view.benchmarks:
        known = name in allowed.index and allowed["max"][name] > 0
        first.append((Key(".".join((*allowed["idxmax"][name], "flops.allowed"))),) if known else (DASH,))
    for arm in view.study.about["arms"]:
        cells = []
        for name in view.benchmarks:
            spent, may = (Key(f"{name}.{arm}.flops.{end}") for end in ("spent", "allowed"))
            other = view.done(may) and of["flops_allowed"][name, arm] != allowed["max"][name]
            cells.append(((spent, " of ", may) if other else (spent,)) if spent in view.numbers else (DASH,))
        rows.append(((arm,), *cells))
    note = UNDEFINED if any((DASH,) in row for row in rows) else ""
    return frame(["arm", *map(view.title, view.benchmarks)], [tuple(first), *rows], note)


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
    about, rows = view.benchmarks[benchmark], []
    for condition in about["conditions"] if about["stream"] else ():
        for arm in about["arms"]:
            stem = f"{benchmark}.{condition}.{arm}"
            first, *others = (view.cell(template, stem) for template in STREAM.values())
            cells = (first or (Key(f"{stem}.accuracy.mean"),), *(cell or (DASH,) for cell in others))
            rows.append(((condition,), (arm,), *cells))
    found = frame(["condition", "arm", *STREAM], rows)
    return found.drop(columns="condition") if len(about["conditions"]) == 1 else found


def published(view: View) -> pd.DataFrame:
    """What others reached on a benchmark, above this study's arms on the condition that the entry names."""
    rows = []
    for name, about in view.benchmarks.items():
        run = None, *about["conditions"]
        entries = [entry for entry in about.get("published", ()) if entry.get("condition") in run]
        for condition in dict.fromkeys(entry.get("condition") for entry in entries):
            title = (" ".join(filter(None, [view.title(name), condition])),)
            for entry in entries:
                if entry.get("condition") == condition:
                    accuracy, source = f"{100 * entry['accuracy']:.1f}", Verbatim(entry["source"])
                    rows.append((title, (Verbatim(entry["name"]),), ("others",), (accuracy,), (source,)))
            for arm in about["arms"]:
                rows.append((title, (arm,), ("this study",), view.accuracy(name, condition or HEADLINE, arm), ()))
    return frame(["benchmark", "method", "from", "accuracy (%)", "source"], rows)


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
    "balanced": Entry(partial(by_arm, columns={"accuracy (%)": "{accuracy+}",
            "balanced accuracy (%)": "{balanced_accuracy+}", "macro-F1 (%)": "{macro_f1+}"},
            of="balanced_accuracy macro_f1", where=_unequal),
        "Accuracy beside scores that count every class alike, with 95 % intervals"),
    "tracks": Entry(tracks, "The full system by condition, with 95 % intervals",
        "What tuning the encoder took is charged to every arm of its condition. Tuned by contrast or cross-entropy: on "
        "the shots; by descriptions: on texts without labels, which descriptions of the labels guess."),
    "conditions_{benchmark}": Entry(conditions, "{title}: accuracy in percent with its 95 % interval, by condition"),
    "stream_{benchmark}": Entry(stream,
        "{title}{condition}: what the arms learn task after task, seen after the last one, with 95 % intervals",
        "Forgetting, excess and retention are class-incremental. Intervals of all but class-incremental accuracy are "
        f"over seeds alone. {DASH}: nothing to show."),
    "events": Entry(partial(by_arm, columns={"accuracy (%)": "{accuracy+}", "out of scope, AUROC (%)": "{auroc+}",
            "update (FLOPs)": "{update_flops}", "update (ms)": "{update_seconds}",
            "cheaper than joint (FLOPs)": "{update_flops_saving}", "faster than joint": "{update_seconds_saving}",
            "answer (FLOPs)": "{answer_flops}", "exact after withdrawal (%)": "{exact_answers}",
            "right on the withdrawn, beyond a twin (points)": "{withdrawn_excess+}", "KiB carried": "{carried_total}"},
            of="auroc update_flops exact_answers"),
        "Labels that come, change and go: after the last step, with 95 % intervals",
        "Update: what an arm does in a step, mean over steps; joint retrains logistic regression. Times are of this "
        "machine. Exact: share of the answers that equal to the bit those of a twin, the same arm that never saw what "
        "is withdrawn. Out of scope: by the largest probability, times the nearest similarity where there is one."),
    "published": Entry(published, "Results of others beside this study's",
        "Results of others are as their sources give them, on their own draws where these do not say otherwise; where "
        "shots are few, of the same number."),
    "memory": Entry(partial(by_arm, columns={"accuracy (%)": "{accuracy+}",
            "lost without memory (points)": "{accuracy_lost_without_memory+}", "hit rate (%)": "{hit_rate+}",
            "chance (%)": "{hit_chance}", "gate": "{gate_mean}", "gate entropy (bits)": "{gate_entropy}",
            f"nearest cosine: least {DASH} mean {DASH} most": f"{{similarity_min}} {DASH} {{similarity_mean}} {DASH} "
            "{similarity_max}"}, of="hit_rate accuracy_lost_without_memory memory_entries", dashes=True),
        "What the memory was worth, with 95 % intervals",
        "Chance: the hit rate of an entry drawn blindly. Intervals of hits are over seeds alone."),
    "occupancy": Entry(partial(by_arm, columns={"entries held": "{memory_entries} of {memory_capacity}",
            "entries per class": f"{{memory_class_min}} {DASH} {{memory_class_median}} {DASH} {{memory_class_max}}",
            "consolidated (%)": "{memory_consolidated}",
            "age of entries": f"{{memory_age_mean}} {DASH} {{memory_age_oldest}}",
            "mean age when read": "{memory_age_read}", "never read (%)": "{memory_never_read}",
            "reads of top tenth (%)": "{memory_top_tenth}", "right of these (%)": "{memory_top_tenth_right}"},
            of="memory_entries", dashes=True),
        "What the memory held, and how its reads were spread",
        f"Means over seeds. Per class: least {DASH} median {DASH} most; age: mean {DASH} oldest, in writes; "
        "consolidated: entries that stand for several examples."),
    "flips": Entry(partial(by_arm, columns={"corrected (examples a run)": "{memory_corrected_examples}",
            "harmed (examples a run)": "{memory_harmed_examples}", "corrected (%)": "{memory_corrected+}",
            "harmed (%)": "{memory_harmed+}", "right either way (%)": "{memory_right_both+}",
            "wrong either way (%)": "{memory_wrong_both+}"},
            of="memory_corrected", dashes=True, where=lambda about, arm: arm in ("full", "kv_only")),
        "What the memory corrects and what it harms, with 95 % intervals",
        "Corrected: right, and wrong once the memory's part of the prediction is zeroed; harmed: the other way round."),
    "most_read": Entry(most_read, "The entries of the memory of full that were read most",
        "Stands for: number of examples; written: index in the order of writing, from 0; right: share of its reads."),
    "swarm": Entry(partial(by_arm, columns={AREA: "{regret_area+}", "regret at last (nats)": "{regret_end+}",
            "allowance spent (%)": "{flops_share}", "diversity at first": "{diversity_initial}",
            "diversity after a round": "{diversity+}", "disagreement on dev": "{disagreement}"},
            of="regret_area regret_end flops_share diversity disagreement"),
        "What the search did, with 95 % intervals",
        "Regret: best fold log-loss so far minus the best of any arm on the same benchmark and seed. Its area, over "
        "log10 of counted FLOPs, has one start for all; an arm whose first value comes later has none. Diversity of "
        "hyperparameters, before and after the first round's copying (a search of one round copies nothing); "
        "disagreement of averaged agents."),
    "costs": Entry(costs,
        "Counted floating-point operations to fit a run, forward and backward, tuning and discarded agents included: "
        "those allowed, and those that each arm spent",
        "Means over the headline's runs. Predictions on the test set are charged to no arm."),
    "sharing": Entry(partial(by_row, name="sharing", columns={"arm": "{arm}",
            "target reached": "{reached} of {runs}", "M steps to it": "{steps_to_target}",
            "seconds to it": "{seconds_to_target}", "best score": "{best}", "copies": "{copies}",
            "diversity (%)": "{diversity}", "kB to workers": "{bytes_sent}",
            "not work (%)": "{overhead}"}),
        "Ways of searching on swing-up, at most {cartpole.learning.steps} M environment steps, {seeds} seeds",
        "Medians over the runs that reached the target, else means over seeds. one_search: one evolution strategy over "
        "all workers; one_process: the same in one process; independent and population: as many candidates, divided "
        "among agents, without and with copies; sequential: one strategy with few candidates, in one process. "
        f"{MACHINE}"),
    "speed": Entry(partial(by_row, name="speed", columns={"scaling": "{scaling}", "backend": "{backend}",
            "measured on": "{measured_on}", "workers": "{workers}", "candidates": "{candidates}",
            "M steps/s": "{throughput}", "speed-up": "{speed_up}",
            "over one worker": "{over_one}", "not work (%)": "{overhead}",
            "work, supervisor CPU (s)": "{work_seconds}, {supervisor_cpu_seconds}",
            "memory (MiB)": "{peak_memory_bytes}", "kB to workers": "{bytes_sent}"}),
        "Speed of the distributed swarm, measured",
        "Medians over turns. Speed-up is over the single process on such a node with the same candidates, by turn; the "
        "ratio to one worker is no speed-up. Equal-share nodes are workers that share the cores of one machine, each "
        "held to the same share of a core, the single process too. Two unrelated processes at once do "
        f"{{cartpole.ceiling}} of one's work here. Memory is the supervisor's peak. {MACHINE}"),
    "validation": Entry(partial(by_row, name="validation", columns={"nodes": "{nodes}",
            "latency (ms)": "{milliseconds}", "predicted (M steps/s)": "{predicted+}",
            "measured (M steps/s)": "{measured}", "error (%)": "{error}"}),
        "Nodes as predicted from one node, and as measured; median error {cartpole.error} %",
        "Strong scaling. The simulation was fitted to one node alone; 30 replications, the middle 95 % of them in "
        "brackets."),
    "projection": Entry(partial(by_row, name="projection", columns={"nodes": "{nodes}",
            "latency (ms)": "{milliseconds}", "projected (M steps/s)": "{throughput+}",
            "supervisor busy (%)": "{supervisor_busy}"}),
        "Projected, not measured: weak scaling of the distributed swarm",
        "A simulation of as many nodes as the one that was measured, and one supervisor; 30 replications."),
}  # fmt: skip


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
    kind, _, benchmark = ("", "", None) if name in TABLES else name.partition("_")
    if (entry := TABLES.get(f"{kind}_{{benchmark}}" if benchmark else name)) is None or benchmark not in (
        None,
        *view.benchmarks,
    ):
        raise ConfigurationError(f"table: unknown name {name!r}{nearest(name, TABLES)}")
    found = entry.function(view, benchmark) if benchmark else entry.function(view)
    one = view.benchmarks[benchmark]["conditions"] if benchmark else []
    words = {"title": view.title(benchmark or ""), "condition": f", {one[0]}" if len(one) == 1 else ""}
    words["seeds"] = str(len((about.get("scaling") or {}).get("learning", {}).get("seeds", ())))
    caption, note = entry.caption, " ".join(filter(None, (found.attrs["note"], entry.note)))
    if about["small"]:
        caption, note = f"{caption} ({SMALL})", f"{SMALL[0].upper()}{SMALL[1:]}. {note}".strip()
    shown = " ".join([*map(str, found.columns), *(plain(c, view.numbers) for row in found.to_numpy() for c in row)])
    words["notes"] = " ".join(  # a word, since no brace in a user's text names a number
        f"{title}: {text.rstrip('.')}."
        for title, about in view.benchmarks.items()
        if title == benchmark or title in shown.replace(",", " ").split()
        for text in about["notes"]
    )
    parts = {name: (word,) for name, word in words.items()}
    return Table(found, fill(caption, parts), fill(f"{note} {{notes}}".strip() if words["notes"] else note, parts))
