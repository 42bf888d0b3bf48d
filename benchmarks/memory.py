"""What reads and writes of the memory cost: `python -m benchmarks.memory [--output PNG] [--repeats 3]`.

One thread. All contestants of a comparison take turns, and a ratio is the median of the ratios within a turn, so that
what else runs on the machine weighs on both sides. "Read" is `read` and `label_distribution` together; the floor is the
matrix product and `topk` alone (at 5,000 queries in blocks of 256), which leaves ties open and knows no labels; faiss
is `IndexFlatIP.search`. Entries and queries are drawn around 10,000 centres of 32 dimensions, with noise in all 384: on
directions at random no approximate index is better than chance.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import matplotlib
import torch
from matplotlib.figure import Figure
from torch.nn.functional import normalize

from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv
from hsokv.memory.index import Approximate, exact
from hsokv.reporting.panels import BLUE, GREY, ORANGE, STYLE

try:
    import faiss
except ImportError:
    faiss = None

KEY_DIM, K, SHARPNESS = 384, 16, 20.0
CLASSES = (2, 60, 1000)
SIZES = {10**2: 256, 10**3: 256, 10**4: 256, 10**5: 32, 10**6: 64}  # capacity -> queries
MANY = 5000  # queries of 100,000 entries


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


def vectors(count: int, generator: torch.Generator) -> torch.Tensor:
    """Unit vectors [count, KEY_DIM] around centres that are the same for every call."""
    seed = torch.Generator().manual_seed(1)
    centres = torch.randn(10_000, 32, generator=seed) @ torch.randn(32, KEY_DIM, generator=seed) / 32**0.5
    made = torch.empty(count, KEY_DIM)
    for some in made.split(50_000):
        which = torch.randint(0, len(centres), (len(some),), generator=generator)
        noise = torch.randn(*some.shape, generator=generator)
        some.copy_(normalize(centres[which] + 0.5 * noise, dim=-1))
    return made


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


def indexed(search: Callable, state: kv.MemoryState, queries: torch.Tensor) -> Callable:
    """A read of 60 classes through an index, as a memory does it."""
    return lambda: kv.label_distribution(kv.look_up(state, *search(state, queries, K, 0)), SHARPNESS, 60)


def readers(keys: torch.Tensor, queries: torch.Tensor, classes: tuple[int, ...]) -> dict[str, Callable]:
    """The floor, faiss, and a read for every number of classes, all searching the same keys for the same queries."""
    index = faiss.IndexFlatIP(KEY_DIM)
    index.add(keys.numpy())
    rows = queries.numpy()

    def reader(labels: int) -> Callable:
        state = full_memory(keys, labels)
        return lambda: kv.label_distribution(kv.read(state, queries, K), SHARPNESS, labels)

    contestants = {"floor": lambda: [(some @ keys.mT).topk(K) for some in queries.split(256)]}
    contestants["faiss"] = lambda: index.search(rows, K)
    return contestants | {f"read{labels}": reader(labels) for labels in classes}


def compare_reads(generator: torch.Generator) -> float:
    """Print the table of reads at capacity 1,000, and return what a read costs by the floor."""
    seconds = take_turns(readers(vectors(1000, generator), vectors(256, generator), CLASSES), turns=60)
    print("| classes | floor (ms) | read (ms) | read / floor | faiss (ms) | read / faiss |\n|---|---|---|---|---|---|")
    for classes in CLASSES:
        floor, read, search = (1e3 * median(seconds[name]) for name in ("floor", f"read{classes}", "faiss"))
        to_floor, to_faiss = (ratio(seconds, f"read{classes}", other) for other in ("floor", "faiss"))
        print(f"| {classes:,} | {floor:.2f} | {read:.2f} | {to_floor:.2f} | {search:.2f} | {to_faiss:.2f} |")
    return ratio(seconds, "read60", "floor")


def compare_many(generator: torch.Generator, repeats: int) -> tuple[float, float]:
    """Print what 5,000 queries of 100,000 entries cost; return a read by the floor, and the index "faiss" by faiss."""
    keys, queries = vectors(10**5, generator), vectors(MANY, generator)
    state, contestants = full_memory(keys, 60), readers(keys, queries, (60,))
    contestants["index"] = indexed(exact, state, queries)
    peaks = {}
    contestants = {
        name: lambda n=name, r=run: peaks.setdefault(n, []).append(peak(r)) for name, run in contestants.items()
    }
    seconds = take_turns(contestants, repeats, warm_up=0)
    names = {
        "floor": "product and top-k in blocks of 256 queries (floor)",
        "read60": "read",
        "faiss": "faiss IndexFlatIP",
        "index": 'read of a memory with `index="faiss"`',
    }
    print(f"\n| {MANY:,} queries of 100,000 entries | seconds | to the floor | to faiss | peak (MB over the entries) |")
    print("|---|---|---|---|---|")
    for name, label in names.items():
        to_floor, to_faiss = (ratio(seconds, name, other) for other in ("floor", "faiss"))
        print(f"| {label} | {median(seconds[name]):.2f} | {to_floor:.2f} | {to_faiss:.2f} | {peaks[name][0]} |")
    return ratio(seconds, "read60", "floor"), ratio(seconds, "index", "faiss")


def compare_writes(generator: torch.Generator) -> float:
    """Print what writes into full memories cost, and return the milliseconds of one row into 100,000 at 60 classes."""
    print("\n| write | ms of processor time | peak (MB over the entries) |\n|---|---|---|")
    row, costs = vectors(1, generator), {}
    for classes in (60, 2):
        memory = KeyValueMemory(KEY_DIM, classes + 1, capacity=10**5)
        memory.write(vectors(10**5, generator), torch.arange(10**5) % classes)
        for name, label in {"of a class that is there": 0, "of a new class": classes}.items():
            write = partial(memory.write, row, torch.tensor([label]))
            costs[classes, label] = median(milliseconds(write) for _ in range(60))
            print(f"| one row {name} into 100,000 of {classes} classes | {costs[classes, label]:.2f} | - |")
    memory = KeyValueMemory(KEY_DIM, 60, capacity=25_000)
    keys, labels = vectors(50_000, generator), torch.arange(50_000) % 60
    memory.write(keys[:25_000], labels[:25_000])
    most = []
    taken = milliseconds(lambda: most.append(peak(lambda: memory.write(keys, labels))))
    print(f"| 50,000 rows into 25,000 of 60 classes | {taken:,.0f} | {most[0]} |", flush=True)
    return costs[60, 0]


def milliseconds(run: Callable) -> float:
    """Processor time of a call, which other work on the machine stretches less than the time on the wall."""
    start = time.thread_time()
    run()
    return 1e3 * (time.thread_time() - start)


def compare_sizes(generator: torch.Generator, repeats: int) -> tuple[dict[str, list[float]], float, float]:
    """Print the cost of one query against the capacity, at 60 classes.

    Returns it in microseconds, and of the index "ivf" at 1,000,000 entries recall and speed-up over a read.
    """
    print("\nMicroseconds a query, at 60 classes:\n")
    print("| capacity | queries | floor (µs) | read (µs) | read / floor | faiss (µs) | keys (MiB) |")
    print("|---|---|---|---|---|---|---|")
    costs = {"floor": [], "read60": [], "faiss": []}
    for capacity, count in SIZES.items():
        keys, queries = vectors(capacity, generator), vectors(count, generator)
        contestants = readers(keys, queries, (60,))
        turns = repeats * (10 if capacity < 10**4 else 1)
        seconds = take_turns(contestants, turns, warm_up=1)
        for name, times in costs.items():
            times.append(1e6 * median(seconds[name]) / count)
        floor, read, search = (times[-1] for times in costs.values())
        size = capacity * KEY_DIM * 4 / 2**20
        cells = f"{floor:,.1f} | {read:,.1f} | {ratio(seconds, 'read60', 'floor'):.2f} | {search:,.1f} | {size:,.1f}"
        print(f"| {capacity:,} | {count} | {cells} |", flush=True)
        contestants.pop("faiss")  # its copy of the keys
    state, approximate = full_memory(keys, 60), Approximate("ivf")
    start = time.perf_counter()
    slots = approximate(state, queries, K, 0)[0]
    built = time.perf_counter() - start
    expected = kv.read(state, queries, K).slots
    recall = (slots.unsqueeze(-1) == expected.unsqueeze(-2)).any(-1).double().mean().item()
    contestants["ivf"] = indexed(approximate, state, queries)
    seconds = take_turns({name: contestants[name] for name in ("read60", "ivf")}, max(3, repeats), warm_up=1)
    speedup, cost = ratio(seconds, "read60", "ivf"), 1e6 * median(seconds["ivf"]) / len(queries)
    print(
        f'\n`index="ivf"` at 1,000,000: {cost:,.1f} µs a query, {speedup:.1f} times faster than the exact read, recall'
    )
    print(f"at {K} {recall:.3f}; made in {built:.0f} s. `hnsw` not run: its graph of 1,000,000 takes too long to make.")
    return costs, recall, speedup


def peak(run: Callable) -> str:
    """How far the memory of the process rises in a call, in MB, where the system tells."""

    def status(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))

    try:
        before = status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    except OSError:
        run()
        return "not run: this system does not tell"
    run()
    return f"{(status('VmHWM') - before) / 1e3:,.0f}"


def draw(costs: dict[str, list[float]], output: Path) -> None:
    """Save microseconds a query against the capacity, both on logarithmic axes."""
    looks = {
        "faiss": ("faiss IndexFlatIP", ORANGE, "s", "--"),
        "floor": ("product and top-k (floor)", GREY, "D", ":"),
        "read60": ("read, with label distribution", BLUE, "o", "-"),
    }
    with matplotlib.rc_context(STYLE):
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
    """Print the tables and the line of figures, and save the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("docs/memory-speed.png"), help="where the plot goes")
    parser.add_argument("--repeats", type=int, default=3, help="turns of the slowest comparisons")
    arguments = parser.parse_args()
    if faiss is None:
        sys.exit("not run: faiss is missing, to compare with; install it with `pip install 'hsokv[faiss]'`")
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    instructions = torch.backends.cpu.get_cpu_capability()
    print(f"{hardware()} ({instructions}), 1 thread, torch {torch.__version__}, faiss {faiss.__version__}.")
    print(f"Float32, key_dim {KEY_DIM}, k = {K}; first table: 256 queries, capacity 1,000, full.\n")
    with torch.inference_mode():
        small = compare_reads(generator)
        to_floor, to_faiss = compare_many(generator, arguments.repeats)
        one = compare_writes(generator)
        costs, recall, speedup = compare_sizes(generator, arguments.repeats)
    draw(costs, arguments.output)
    print(f"\nPlot: {arguments.output}\n")
    print(
        f"read_1k={small:.2f} read_100k_torch={to_floor:.2f} read_100k_faiss={to_faiss:.2f} "
        f"write_100k_ms={one:.2f} ann_recall={recall:.3f} ann_speedup={speedup:.1f}"
    )


if __name__ == "__main__":
    main()
