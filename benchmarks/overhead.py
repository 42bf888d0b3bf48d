"""What process start-up adds to a finished study: `python -m benchmarks.overhead [--results results]`.

Start-up is measured here and now, once for a job that needs torch and once for one that does not, as the time of a
process that imports what such a job imports and ends. The share is taken of all the CPU seconds that jobs used.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

TORCH = "import torch, hsokv.study.runs, hsokv.arms.population"
PLAIN = "import numpy, hsokv.study.job, hsokv.analysis.statistics"
NEEDS_TORCH = ("run_arm", "encode")


def start_up(imports: str, repeats: int = 3) -> float:
    """Median seconds of a process that only imports."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", imports], check=True)
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def main() -> None:
    """Print jobs, their seconds, and the share of start-up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    folder = parser.parse_args().results / "benchmarks"
    files = sorted(folder.rglob("*.jsonl"))
    if not files:
        sys.exit(f"no benchmark files in {folder}: run the study first")
    seconds = {path: json.loads(path.read_text().splitlines()[-1])["cpu_time"] for path in files}
    needs_torch = [path for path in files if path.relative_to(folder).parts[0] in NEEDS_TORCH]
    with_torch, plain = start_up(TORCH), start_up(PLAIN)
    added = len(needs_torch) * with_torch + (len(files) - len(needs_torch)) * plain
    total = sum(seconds.values())
    print(f"{len(files)} jobs, {len(needs_torch)} of them with torch, used {total:.0f} s of CPU time")
    print(f"start-up: {with_torch:.2f} s with torch, {plain:.2f} s without")
    print(f"startup_share={added / total:.3f}")


if __name__ == "__main__":
    main()
