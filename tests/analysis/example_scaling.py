"""What a measurement and a projection of the distributed swarm look like, with round numbers."""

SPEED_UP = {"name": "speed_up", "benchmark": "cartpole", "arm": "full", "score": "speed_up", "kind": "rate"}
SPEED_UP |= {"at_least": 2.0}


def measured(cores=2, workers=(1, 2), up=1.5, equal=None):
    """Two turns; two workers make `up` times a single process, four twice that; `equal`: that of equal-share nodes."""
    machine = {"cores": cores, "load": 0.5}
    shared = {"overhead": 0.05, "bytes_sent": 2000}
    spent = {"work_seconds": 3.0, "supervisor_cpu_seconds": 0.1, "peak_memory_bytes": 2**28}
    speed = []
    for node, counts, ratio in (("cores", workers, up), *([("equal_share", (1, 2, 4), equal)] if equal else [])):
        speeds = {1: 1.0, 2: ratio, 4: 2 * ratio}
        places = [("strong", "single", 1), *((s, "processes", count) for s in ("strong", "weak") for count in counts)]
        speed += [
            {"scaling": scaling, "backend": backend, "node": node, "workers": count, "candidates": 16, "repeat": repeat}
            | {"throughput": 1e6 * (repeat + 1) * (1.0 if backend == "single" else speeds[count])}
            | (shared | spent | machine)
            for repeat in (0, 1)
            for scaling, backend, count in places
        ]
    reached = {"best": 0.65, "steps_to_target": 4_000_000, "seconds_to_target": 8.0, "copies": 2, "diversity": 0.8}
    reached |= {"curve": [[1_000_000, 0.1], [4_000_000, 0.65]]} | shared
    missed = {"best": 0.1, "steps_to_target": None, "seconds_to_target": None, "curve": [[5_000_000, 0.1]]}
    ways = dict.fromkeys(("one_search", "one_process", "independent", "population", "sequential"), reached)
    learning = [
        {"arm": a, "seed": seed} | of for a, of in (ways | {"random_search": missed}).items() for seed in (1, 2)
    ]
    reason = None if equal else "no equal-share nodes: they need root"
    found = {"machine": machine, "settings": {"learning": {"steps": 5e6, "seeds": [1, 2]}}, "ceiling": 1.8}
    return found | {"no_equal_share": reason, "speed": speed, "learning": learning}


def projected():
    """Nodes that add up, and a simulation that errs by a tenth and a fifth."""
    one = {"predicted": 2e6, "low": 1.9e6, "high": 2.1e6}
    validation = [
        one | {"nodes": nodes, "latency": latency, "measured": speed, "error": error}
        for nodes, latency, speed, error in ((1, 0.0, 2.2e6, 0.1), (4, 0.1, 2.5e6, 0.2))
    ]
    sweep = [
        {"nodes": nodes, "latency": latency, "throughput": 0.9e6 * nodes, "low": 0.8e6 * nodes, "high": 1e6 * nodes}
        | {"supervisor_busy": nodes / 4096}
        for latency in (0.0, 0.1)
        for nodes in (1, 4, 64)
    ]
    return {"projected": True, "validation": validation, "sweep": sweep}
