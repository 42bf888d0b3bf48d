"""What a memory knows, against the number of entries it may hold: the evidence of docs/memory-size.md.

    python -m benchmarks.memory_size [--worlds 12] [--draws 20] [--output docs/memory-size.png]

Examples are written in a shuffled order, 20 at a time, into a memory of 1/8 to twice as many slots; what the
class-balanced quota leaves no room for is folded into the nearest entry of its class. The memory alone then answers,
read as in config.yaml. `rare_words`: two senses, level 2, the test words of tuning worlds; several contexts a sense.
`sst2`: shots of the train file, asked for the development set; draws of fewer shots are part of those of more. Features
are made once and kept in the folder. One thread: the same command gives the same table.
"""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import torch
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.memory_mechanisms import encode_world, say
from hsokv.analysis.intervals import Interval, interval
from hsokv.data.episode import centre
from hsokv.data.glue import draw_shots
from hsokv.data.sources import data_root
from hsokv.memory import functional as kv
from hsokv.methods.ensemble import heaviest
from hsokv.model.discriminant import key_projection
from hsokv.model.encoder_files import resolve_encoder
from hsokv.model.text_encoder import load_text_encoder
from hsokv.report.panels import BLUE, GREY, ORANGE, STYLE
from hsokv.study.digest import code_digest
from hsokv.study.features import is_current, write_features
from hsokv.study.text import load_texts

SETTINGS = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())["methods"]
SHARES = (0.125, 0.25, 0.5, 1, 2)  # slots by examples written
SHOTS = {"rare_words": (1, 5, 20), "sst2": (16, 64, 256)}  # contexts a sense; texts a class
BATCH, DEVELOPMENT_ROWS = 20, 500
UNITS = {"rare_words": "a sense", "sst2": "a class"}
LOOKS = ((GREY, "s"), (ORANGE, "^"), (BLUE, "o"))
SCORES = ("accuracy", "hit rate")


class Stream(NamedTuple):
    """Examples in their order, what is asked at the end, the projection of keys, and the number of classes."""

    x: Tensor
    y: Tensor
    queries: Tensor
    answers: Tensor
    projection: Tensor
    classes: int


class Sweep(NamedTuple):
    """What was found with so many slots: outcome of every query [seeds, 2 (accuracy, hit), queries], and the bytes."""

    outcomes: np.ndarray
    slots: int
    bytes: int


def load_world(path: Path, seed: int, shots: int) -> Stream:
    """The first `shots` contexts of both senses of every word, shuffled, and later contexts of them."""
    with np.load(path, allow_pickle=False) as arrays:
        names = ("stream/test/support/x", "stream/test/support/y", "stream/test/query/x", "stream/test/query/y")
        x, y, queries, answers, within, between = (
            torch.from_numpy(arrays[name]) for name in (*names, "background/within", "background/between")
        )
    classes = int(y.max()) + 1
    order = torch.randperm(2 * classes * shots, generator=torch.Generator().manual_seed(seed))
    return Stream(x[order], y[order], queries, answers, key_projection(within, between, **SETTINGS["keys"]), classes)


def encode_texts(seeds: list[int], folder: Path) -> None:
    """Feature files of SST-2: the development set and, by seed, the most shots that are asked for."""
    stamp = code_digest(["hsokv.study.text"])
    paths = {seed: folder / f"seed{seed}.npz" for seed in seeds} | {None: folder / "evaluation.npz"}
    missing = {seed: path for seed, path in paths.items() if not is_current(path, stamp)}
    if not missing:
        return
    pool, development = load_texts({"source": "sst2"}, data_root(), "development", DEVELOPMENT_ROWS)
    encoder = load_text_encoder(resolve_encoder())
    for seed, path in missing.items():
        part = development if seed is None else draw_shots(pool, max(SHOTS["sst2"]), seed, 2)[0]
        provenance = {"status": "done", "reason": None, "stamp": stamp}
        write_features(path, provenance, {"x": encoder.encode(part.texts), "y": part.labels})
        say(f"sst2 {path.stem}: {len(part)} texts encoded")


def load_draw(folder: Path, seed: int, shots: int) -> Stream:
    """The first `shots` of each class, shuffled, and the development set, both centred on the mean of the shots."""
    found = []
    for name in (f"seed{seed}", "evaluation"):
        with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
            found.append([torch.from_numpy(arrays[part]) for part in "xy"])
    (x, y), (queries, answers) = found
    first = torch.cat([(y == c).nonzero().squeeze(1)[:shots] for c in range(2)])
    order = first[torch.randperm(len(first), generator=torch.Generator().manual_seed(seed))]
    mean = x[order].mean(0)
    return Stream(centre(x[order], mean), y[order], centre(queries, mean), answers, torch.eye(x.shape[-1]), 2)


def score(stream: Stream, slots: int) -> tuple[np.ndarray, int]:
    """Whether each query's likeliest label, and that of its heaviest entry, is right [2, queries]; and the bytes."""
    state = kv.init(slots, stream.x.shape[-1])
    for x, y in zip(stream.x.split(BATCH), stream.y.split(BATCH), strict=True):
        state = kv.write(state, x, y)
    keys = kv.project(state, stream.projection)
    found = kv.read(keys, normalize(stream.queries @ stream.projection, dim=-1), SETTINGS["memory"]["k"])
    sharpness = torch.tensor([float(SETTINGS["memory"]["sharpness"])])
    said = kv.label_distribution(found, sharpness, stream.classes).argmax(-1)
    hit = state.labels[heaviest(found, sharpness)[0]]
    right = np.stack([(labels == stream.answers).numpy() for labels in (said, hit)])
    return right, sum(part.numel() * part.element_size() for part in state)


def sweep(streams: dict[int, list[Stream]]) -> dict[tuple[int, float], Sweep]:
    """By shots and share of slots, over the streams of all seeds."""
    found = {}
    for shots, of_seeds in streams.items():
        for share in SHARES:
            slots = round(share * len(of_seeds[0].y))
            outcomes, sizes = zip(*(score(stream, slots) for stream in of_seeds), strict=True)
            found[shots, share] = Sweep(np.stack(outcomes), slots, sizes[0])
    return found


def over_seeds(outcomes: np.ndarray, shared: bool) -> Interval:
    """Mean and interval of [seeds, queries]; where seeds share the queries, over these too."""
    return interval(outcomes.mean(1), outcomes if shared else None)


def print_table(data: str, found: dict[tuple[int, float], Sweep]) -> None:
    """A line for every point; the last columns compare with a slot for every example, paired by seed."""
    for (shots, share), here in found.items():
        cells = [f"{shots} {UNITS[data]}", f"{share:g}", f"{here.slots:,}", f"{here.bytes / 1024:,.0f}"]
        cells += [_percent(over_seeds(here.outcomes[:, what], data == "sst2"), "") for what in (0, 1)]
        all_kept = found[shots, 1].outcomes.astype(float)
        differences = [over_seeds(here.outcomes[:, what] - all_kept[:, what], data == "sst2") for what in (0, 1)]
        cells += ["", ""] if share == 1 else [_percent(difference, "+") for difference in differences]
        print(f"| {data} | {' | '.join(cells)} |")


def _percent(found: Interval, sign: str) -> str:
    return f"{100 * found.mean:{sign}.1f} [{100 * found.low:{sign}.1f}, {100 * found.high:{sign}.1f}]"


def plot(found: dict[str, dict[tuple[int, float], Sweep]], output: Path) -> None:
    """Save accuracy and hit rate (rows) of every data set (columns) against the number of slots."""
    with matplotlib.rc_context(fname=STYLE):
        figure = Figure(figsize=(3.3 * len(found), 4.2), layout="constrained")
        panels = figure.subplots(2, len(found), sharex="col", sharey="col", squeeze=False)
        for column, (data, points) in zip(panels.T, found.items(), strict=True):
            for what, axes in enumerate(column):
                _draw(axes, data, points, what)
            one = next(iter(points.values()))
            each = one.bytes / one.slots / 1024
            above = column[0].secondary_xaxis("top", functions=(lambda n, e=each: n * e, lambda b, e=each: b / e))
            above.set_xscale("log", base=2)
            above.xaxis.set_major_formatter("{x:,g}")
            above.set_xlabel(f"{data}: memory (KiB)")
            column[1].set_xlabel("slots")
            column[0].legend(title="examples written", loc="lower right", framealpha=1, edgecolor="none", frameon=True)
        for axes, name in zip(panels[:, 0], SCORES, strict=True):
            axes.set_ylabel(f"{name} (%)")
        figure.savefig(output)


def _draw(axes: Axes, data: str, points: dict[tuple[int, float], Sweep], what: int) -> None:
    """One line for every number of shots; the ring is a slot for every example."""
    for (colour, marker), shots in zip(LOOKS, SHOTS[data], strict=True):
        line = [points[shots, share] for share in SHARES]
        means = [over_seeds(point.outcomes[:, what], data == "sst2") for point in line]
        middle = np.array([100 * mean.mean for mean in means])
        reach = [[100 * (mean.mean - mean.low) for mean in means], [100 * (mean.high - mean.mean) for mean in means]]
        slots, written = [point.slots for point in line], line[SHARES.index(1)].slots
        axes.errorbar(slots, middle, reach, color=colour, marker=marker, label=f"{written:,}")
        axes.plot(written, middle[SHARES.index(1)], "o", mfc="none", mec=colour, markersize=8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.minorticks_off()


def main() -> None:
    """Print the table and save the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=12, help="tuning worlds, seeds from 1, 2 to 999")
    parser.add_argument("--draws", type=int, default=20, help="draws of SST-2 shots, seeds from 1; 0 leaves it out")
    parser.add_argument("--folder", type=Path, default=Path("results/mechanisms"), help="where features are kept")
    parser.add_argument("--output", type=Path, default=Path("docs/memory-size.png"), help="where the plot goes")
    arguments = parser.parse_args()
    if not 2 <= arguments.worlds < 1000 or arguments.draws == 1:
        parser.error("wanted 2 to 999 worlds (others belong to the study), and 0 or at least 2 draws")
    torch.set_num_threads(1)
    start = time.perf_counter()
    seeds = range(1, arguments.worlds + 1)
    paths = {seed: encode_world(seed, arguments.folder / "rare_words", say) for seed in seeds}
    shots = SHOTS["rare_words"]
    found = {"rare_words": sweep({n: [load_world(paths[seed], seed, n) for seed in seeds] for n in shots})}
    say(f"rare_words, {(time.perf_counter() - start) / 60:.1f} min")
    if arguments.draws:
        seeds, folder = list(range(1, arguments.draws + 1)), arguments.folder / "sst2_streams"
        encode_texts(seeds, folder)
        found["sst2"] = sweep({n: [load_draw(folder, seed, n) for seed in seeds] for n in SHOTS["sst2"]})
    columns = "data | written | slots by written | slots | KiB | accuracy [95 %] | hit rate [95 %]"
    columns += " | accuracy, points over a slot each [95 %] | hit rate, the same [95 %]"
    print(f"| {columns} |\n|" + "---|" * 9)
    for data, points in found.items():
        print_table(data, points)
    plot(found, arguments.output)
    say(f"{(time.perf_counter() - start) / 60:.1f} minutes; plot: {arguments.output}")


if __name__ == "__main__":
    main()
