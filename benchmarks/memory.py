"""What a read and a write of the key-value memory cost: `python -m benchmarks.memory [--output docs/memory-speed.png]`.

One thread. All contestants of a comparison take turns, and a ratio is the median of the ratios within a turn, so that
what else runs on the machine weighs on both sides. "Read" is `read` and `label_distribution` together; the floor is the
matrix product and `topk` alone, which leaves ties open and knows no labels; faiss is `IndexFlatIP.search`.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import matplotlib
import torch
from matplotlib.figure import Figure
from torch.nn.functional import normalize

from hsokv.memory import functional as kv
from hsokv.report.panels import BLUE, GREY, ORANGE, STYLE

try:
    import faiss
except ImportError:
    faiss = None

KEY_DIM, K, SHARPNESS = 384, 16, 20.0
CLASSES = (2, 60, 1000)
SIZES = {10**2: 256, 10**3: 256, 10**4: 256, 10**5: 32, 10**6: 8}  # capacity -> queries
TURNS = {10**2: 30, 10**3: 30, 10**4: 10, 10**5: 10, 10**6: 5}


def take_turns(contestants: dict[str, Callable], turns: int, warm_up: int = 3) -> dict[str, list[float]]:
    """Seconds of every contestant in every turn after the warm-up."""
    seconds = {name: [] for name in contestants}
    for turn in range(warm_up + turns):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, other: str) -> float:
    """Median over turns of the time of one contestant by that of another."""
    return median(a / b for a, b in zip(seconds[name], seconds[other], strict=True))


def directions(count: int, generator: torch.Generator) -> torch.Tensor:
    """Random unit vectors [count, KEY_DIM]."""
    keys = torch.randn(count, KEY_DIM, generator=generator)
    return keys.div_(keys.norm(dim=-1, keepdim=True))


def full_memory(keys: torch.Tensor, classes: int) -> kv.MemoryState:
    """A memory with an entry in every slot, made without a copy of the keys."""
    count = len(keys)
    return kv.MemoryState(
        keys=keys,
        labels=torch.arange(count) % classes,
        count=torch.ones(count),
        number=torch.arange(count),
        origin=torch.zeros(count, dtype=torch.int64),
        clock=torch.tensor(count),
    )


def readers(keys: torch.Tensor, queries: torch.Tensor, classes: tuple[int, ...]) -> dict[str, Callable]:
    """The floor, faiss, and a read for every number of classes, all searching the same keys for the same queries."""
    index = faiss.IndexFlatIP(KEY_DIM)
    index.add(keys.numpy())
    rows = queries.numpy()

    def reader(labels: int) -> Callable:
        state = full_memory(keys, labels)
        return lambda: kv.label_distribution(kv.read(state, queries, K), SHARPNESS, labels)

    contestants = {"floor": lambda: (queries @ keys.mT).topk(K), "faiss": lambda: index.search(rows, K)}
    return contestants | {f"read{labels}": reader(labels) for labels in classes}


def compare_reads(generator: torch.Generator) -> dict[str, list[float]]:
    """Print the table of reads at capacity 1,000 and return the seconds behind it."""
    seconds = take_turns(readers(directions(1000, generator), directions(256, generator), CLASSES), turns=60)
    print("| classes | floor (ms) | read (ms) | read / floor | faiss (ms) | read / faiss |\n|---|---|---|---|---|---|")
    for classes in CLASSES:
        floor, read, search = (1e3 * median(seconds[name]) for name in ("floor", f"read{classes}", "faiss"))
        to_floor, to_faiss = (ratio(seconds, f"read{classes}", other) for other in ("floor", "faiss"))
        print(f"| {classes:,} | {floor:.2f} | {read:.2f} | {to_floor:.2f} | {search:.2f} | {to_faiss:.2f} |")
    return seconds


def compare_writes(generator: torch.Generator) -> float:
    """Print what a bulk write and appending one by one cost, and return how many times faster the first is."""
    vectors, labels = directions(1000, generator), torch.arange(1000) % 60
    empty = kv.init(1000, KEY_DIM)

    def append() -> tuple[torch.Tensor, torch.Tensor]:
        keys, held = torch.empty(0, KEY_DIM), labels[:0]
        for i in range(len(labels)):
            keys = torch.cat([keys, normalize(vectors[i : i + 1], dim=-1)])
            held = torch.cat([held, labels[i : i + 1]])
        return keys, held

    seconds = take_turns({"write": lambda: kv.write(empty, vectors, labels), "append": append}, turns=30)
    speedup = ratio(seconds, "append", "write")
    bulk, single = (1e3 * median(seconds[name]) for name in ("write", "append"))
    print("\n| 1,000 entries | ms |\n|---|---|")
    print(f"| one bulk `write` | {bulk:.2f} |\n| normalised and appended one by one with `torch.cat` | {single:.1f} |")
    print(f"\nThe bulk write is {speedup:.1f} times faster.")
    return speedup


def compare_sizes(generator: torch.Generator) -> dict[str, list[float]]:
    """Print the cost of one query against the capacity, at 60 classes, and return it in microseconds."""
    print("\nMicroseconds a query, at 60 classes:\n")
    print("| capacity | queries | floor (µs) | read (µs) | read / floor | faiss (µs) | keys (MiB) |")
    print("|---|---|---|---|---|---|---|")
    costs = {"floor": [], "read60": [], "faiss": []}
    for capacity, queries in SIZES.items():
        contestants = readers(directions(capacity, generator), directions(queries, generator), (60,))
        seconds = take_turns(contestants, TURNS[capacity], warm_up=1 if capacity > 10**4 else 3)
        for name, times in costs.items():
            times.append(1e6 * median(seconds[name]) / queries)
        floor, read, search = (times[-1] for times in costs.values())
        size = capacity * KEY_DIM * 4 / 2**20
        cells = f"{floor:,.1f} | {read:,.1f} | {ratio(seconds, 'read60', 'floor'):.2f} | {search:,.1f} | {size:,.1f}"
        print(f"| {capacity:,} | {queries} | {cells} |", flush=True)
    return costs


def draw(costs: dict[str, list[float]], output: Path) -> None:
    """Save microseconds a query against the capacity, both on logarithmic axes."""
    looks = {
        "faiss": ("faiss IndexFlatIP", ORANGE, "s", "--"),
        "floor": ("product and top-k (floor)", GREY, "D", ":"),
        "read60": ("read, with label distribution", BLUE, "o", "-"),
    }
    with matplotlib.rc_context(fname=STYLE):
        figure = Figure(figsize=(3.4, 2.5), layout="constrained")
        axes = figure.subplots()
        for name, (label, colour, marker, line) in looks.items():
            extra = {"markerfacecolor": "none", "markersize": 6, "zorder": 3} if name == "floor" else {}
            axes.loglog(list(SIZES), costs[name], line, color=colour, marker=marker, label=label, **extra)
        axes.set(xlabel="capacity (entries)", ylabel="time for one query (µs)")
        axes.set_title(f"Exact search, key_dim {KEY_DIM}, k = {K}, one thread", loc="left")
        axes.legend(loc="upper left")
        axes.minorticks_off()
        figure.savefig(output)


def hardware() -> str:
    """The model of the processor, as the system names it."""
    found = Path("/proc/cpuinfo")
    lines = found.read_text().splitlines() if found.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    """Print three tables and the line of ratios, and save the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("docs/memory-speed.png"), help="where the plot goes")
    output = parser.parse_args().output
    if faiss is None:
        sys.exit("not run: faiss is missing, to compare with; install it with `pip install faiss-cpu`")
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    instructions = torch.backends.cpu.get_cpu_capability()
    print(f"{hardware()} ({instructions}), 1 thread, torch {torch.__version__}, faiss {faiss.__version__}.")
    print(f"Float32, key_dim {KEY_DIM}, k = {K}; first table: 256 queries, capacity 1,000, full.\n")
    with torch.inference_mode():
        seconds = compare_reads(generator)
        speedup = compare_writes(generator)
        costs = compare_sizes(generator)
    draw(costs, output)
    print(f"\nPlot: {output}\n")
    ratios = [ratio(seconds, "read60", other) for other in ("floor", "faiss")]
    print(f"read_vs_floor={ratios[0]:.2f} read_vs_faiss={ratios[1]:.2f} write_speedup={speedup:.1f}")


if __name__ == "__main__":
    main()
