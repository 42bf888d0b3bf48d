"""Figures of the distributed swarm. Measured and projected stand in panels of their own and are never joined."""

import io
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from hsokv.files import write_bytes
from hsokv.reporting.panels import ARM_COLOURS, ARM_MARKERS, DASHES, GREY, STYLE, TEXT_WIDTH
from hsokv.reporting.scaling import ARMS, speed_ups


def draw_scaling(target: Path, measured: Mapping[str, Any], projected: Mapping[str, Any]) -> None:
    """Write `learning` or `scaling`, by the target's stem, whole or not at all; its suffix is .pdf or .png."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", **STYLE}):
        figure = learning(measured) if target.stem == "learning" else scaling(measured, projected)
        page = io.BytesIO()
        undated = {"CreationDate": None} if target.suffix == ".pdf" else {}
        figure.savefig(page, format=target.suffix.removeprefix("."), metadata=undated)
    write_bytes(target, page.getvalue())


def learning(measured: Mapping[str, Any]) -> Figure:
    """Best score so far at equal environment steps by sharing arm, and seconds to the target beside it."""
    figure = Figure(figsize=(TEXT_WIDTH, 2.4), layout="constrained")
    curves, seconds = figure.subplots(1, 2, width_ratios=[2, 1])
    most = max(row["curve"][-1][0] for row in measured["learning"])
    grid = np.linspace(0, most, 200)
    for arm, colour, marker in zip(ARMS, ARM_COLOURS, ARM_MARKERS, strict=False):
        runs = [row for row in measured["learning"] if row["arm"] == arm]
        best = [_held(np.array(row["curve"], float), grid) for row in runs]
        curves.plot(grid / 1e6, np.mean(best, axis=0), color=colour, label=arm.replace("_", " "))
        times = [row["seconds_to_target"] for row in runs if row["seconds_to_target"] is not None]
        seconds.plot(times, [ARMS.index(arm)] * len(times), marker, color=colour, linestyle="none")
    curves.axhline(0.6, color=GREY, linestyle=DASHES)
    curves.set(xlabel="environment steps (millions)", ylabel="best score so far", ylim=(0, 1))
    curves.set_title("Swing-up, mean over seeds", loc="left")
    curves.legend(loc="upper left")
    seconds.set_yticks(range(len(ARMS)), [arm.replace("_", " ") for arm in ARMS])
    seconds.set(xlabel="seconds to the target", ylim=(len(ARMS) - 0.5, -0.5))
    seconds.set_xlim(left=0)
    seconds.set_title("Each run that reached it", loc="left")
    if all(row["seconds_to_target"] is None for row in measured["learning"]):
        seconds.text(0.5, 0.5, "no run reached it", transform=seconds.transAxes, ha="center", color=GREY)
    return figure


def scaling(measured: Mapping[str, Any], projected: Mapping[str, Any]) -> Figure:
    """Strong and weak scaling as measured; throughput, and how busy the store is, as projected."""
    figure = Figure(figsize=(TEXT_WIDTH, 2.4), layout="constrained")
    strong, weak, nodes, busy = figure.subplots(1, 4)
    rows = measured["speed"]
    backends = list(dict.fromkeys(row["backend"] for row in rows if row["backend"] != "single"))
    single = median(row["throughput"] for row in rows if row["backend"] == "single")
    counts = sorted({row["workers"] for row in rows})
    strong.plot(counts, counts, ":", color=GREY, label="as many times")
    weak.plot(counts, [single * count / 1e6 for count in counts], ":", color=GREY)
    for backend, colour, marker in zip(backends, ARM_COLOURS, ARM_MARKERS, strict=False):
        for count in counts:
            ups = speed_ups(rows, backend, count)
            strong.plot([count] * len(ups), ups, marker, color=colour, label=backend if count == counts[0] else None)
            found = [
                row["throughput"] / 1e6
                for row in rows
                if (row["scaling"], row["backend"], row["workers"]) == ("weak", backend, count)
            ]
            weak.plot([count] * len(found), found, marker, color=colour)
    strong.set(xlabel="workers", ylabel="times a single process", ylim=(0, None))
    weak.set(xlabel="workers", ylabel="M steps/s", ylim=(0, None))
    for axes in (strong, weak):
        axes.set_xticks(counts)
        axes.set_xlim(counts[0] - 0.5, counts[-1] + 0.5)
    strong.set_title("Strong, measured", loc="left")
    weak.set_title("Weak, measured", loc="left")
    strong.legend(loc="lower right")
    latencies = sorted({row["latency"] for row in projected["sweep"]})
    for latency, colour in zip(latencies, ARM_COLOURS, strict=False):
        for sharing, line in (("asynchronous", "-"), ("synchronous", "--")):
            here = [row for row in projected["sweep"] if (row["latency"], row["sharing"]) == (latency, sharing)]
            label = f"{1e3 * latency:g} ms" if sharing == "asynchronous" else None
            places = [row["nodes"] for row in here]
            nodes.loglog(places, [row["throughput"] / 1e6 for row in here], line, color=colour, label=label)
            busy.semilogx(places, [100 * row["store_busy"] for row in here], line, color=colour)
    for axes, name in ((nodes, "M steps/s"), (busy, "store busy (%)")):
        axes.set(xlabel="nodes", ylabel=name)
        axes.set_xticks([1, 16, 256, 2048], ["1", "16", "256", "2048"])
        axes.minorticks_off()
        axes.set_facecolor("#F6F6F6")
    nodes.set_title("Weak, PROJECTED", loc="left")
    busy.set_title("Store, PROJECTED", loc="left")
    nodes.legend(loc="upper left", title="latency")
    return figure


def _held(curve: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The last score [steps] by each place of the grid, 0 before the first; curve [n, 2] of steps and score."""
    place = np.searchsorted(curve[:, 0], grid, side="right")
    return np.concatenate([[0.0], curve[:, 1]])[place]
