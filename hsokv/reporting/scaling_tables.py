"""The distributed swarm in the ledger and in tables; what is projected stands in tables of its own."""

from collections.abc import Mapping
from typing import Any

from hsokv.reporting.ledger import kept
from hsokv.reporting.table import DASH, Table

MEANT = {  # unit and rule of each number of a row, by table
    "sharing": {
        "runs": ("count", "count of runs"),
        "reached": ("count", "count of runs that reached the target"),
        "steps_to_target": ("steps", "median over the runs that reached it"),
        "seconds_to_target": ("seconds", "median over the runs that reached it"),
        "best": ("score", "mean over runs"),
        "copies": ("entries", "mean over runs"),
        "staleness": ("writes", "mean over runs"),
        "bytes_sent": ("traffic", "mean over runs"),
        "bytes_received": ("traffic", "mean over runs"),
        "overhead": ("share", "mean over runs"),
    },
    "speed": {
        "throughput": ("steps/s", "median over turns"),
        "speed_up": ("ratio", "median over turns of steps per second over those of the single process in that turn"),
        "over_one": ("ratio", "median steps per second over that of one worker"),
        "overhead": ("share", "median over turns"),
        "work_seconds": ("seconds", "median over turns"),
        "supervisor_cpu_seconds": ("seconds", "median over turns"),
        "peak_memory_bytes": ("memory", "median over turns"),
        "bytes_sent": ("traffic", "mean over turns"),
        "bytes_received": ("traffic", "mean over turns"),
    },
    "validation": {
        "predicted": ("steps/s", "projected: mean over replications"),
        "low": ("steps/s", "projected: lower end of the middle 95 %"),
        "high": ("steps/s", "projected: upper end of the middle 95 %"),
        "measured": ("steps/s", "median over turns"),
        "error": ("share", "distance of the projection from the measurement, over that"),
    },
    "projection": {
        "throughput": ("steps/s", "projected: mean over replications"),
        "low": ("steps/s", "projected: lower end of the middle 95 %"),
        "high": ("steps/s", "projected: upper end of the middle 95 %"),
        "store_busy": ("share", "projected: mean over replications"),
    },
}
PLACES = {  # what tells the rows of a table apart
    "sharing": ("arm",),
    "speed": ("scaling", "backend", "workers"),
    "validation": ("payload", "rounds"),
    "projection": ("nodes", "sharing", "latency"),
}
ALONE = {
    "error": ("share", "median over configurations"),
    "ceiling": ("ratio", "median over turns of what two unrelated processes do at once, over what one does"),
    "machine.cores": ("count", "of the machine that it was measured on"),
    "machine.load": ("ratio", "of that machine, before"),
    "learning.steps": ("steps", "set in the configuration"),
}


def scaling_numbers(found: Mapping[str, Any], folder: str) -> dict[str, dict[str, Any]]:
    """The ledger's part of `hsokv.reporting.scaling.summarise`, whose documents lie in `folder`.

    Keys: `cartpole.{table}.{what tells its row apart}.{number}` and `cartpole.{error, machine.cores, ...}`.
    """
    numbers = {}

    def add(key: str, value: Any, meant: tuple[str, str], at: str, projected: bool) -> None:
        sources = [f"{folder}/{name}.json" for name in ("measured", "projected")[: 1 + projected]]
        numbers[f"cartpole.{key}"] = kept(
            value, *meant, sources, [], f"statistics.json#/scaling/{at}", "no run of it tells", "undefined"
        )

    for table, columns in MEANT.items():
        for index, row in enumerate(found[table]):
            for name, meant in columns.items():
                at = f"{table}/{index}/{name}"
                add(f"{_stem(table, row)}.{name}", row[name], meant, at, table in ("validation", "projection"))
    for key, meant in ALONE.items():
        first, _, second = key.partition(".")
        add(key, found[first][second] if second else found[first], meant, key.replace(".", "/"), key == "error")
    return numbers


def scaling_tables(found: Mapping[str, Any], numbers: Mapping[str, Any]) -> dict[str, Table]:
    """The tables sharing, speed, validation and projection, every number of them from the ledger."""

    def said(table: str, row: Mapping[str, Any], name: str) -> str:
        number = numbers[f"cartpole.{_stem(table, row)}.{name}"]
        return DASH if number["value"] is None else number["text"]

    def both(table: str, row: Mapping[str, Any], *names: str) -> str:
        texts = [said(table, row, name) for name in names]
        return DASH if DASH in texts else ", ".join(texts)

    def spread(table: str, row: Mapping[str, Any], name: str) -> str:
        middle, low, high = (said(table, row, end) for end in (name, "low", "high"))
        return f"{middle} [{low}, {high}]"

    def alone(key: str) -> str:
        return numbers[f"cartpole.{key}"]["text"]

    stand = f"Measured on {alone('machine.cores')} cores at a load of {alone('machine.load')}."
    sharing = [
        (
            row["arm"],
            f"{said('sharing', row, 'reached')} of {said('sharing', row, 'runs')}",
            *(said("sharing", row, name) for name in ("steps_to_target", "seconds_to_target")),
            *(said("sharing", row, name) for name in ("best", "copies", "staleness")),
            both("sharing", row, "bytes_sent", "bytes_received"),
            said("sharing", row, "overhead"),
        )
        for row in found["sharing"]
    ]
    speed = [
        (
            *(str(row[name]) for name in ("scaling", "backend", "workers", "managers")),
            *(said("speed", row, name) for name in ("throughput", "speed_up", "over_one", "overhead")),
            both("speed", row, "work_seconds", "supervisor_cpu_seconds"),
            said("speed", row, "peak_memory_bytes"),
            both("speed", row, "bytes_sent", "bytes_received"),
            row["note"],
        )
        for row in found["speed"]
    ]
    validation = [
        (
            str(row["payload"]),
            str(row["rounds"]),
            spread("validation", row, "predicted"),
            *(said("validation", row, name) for name in ("measured", "error")),
        )
        for row in found["validation"]
    ]
    projection = [
        (
            str(row["nodes"]),
            row["sharing"],
            f"{1e3 * row['latency']:g}",
            spread("projection", row, "throughput"),
            said("projection", row, "store_busy"),
        )
        for row in found["projection"]
    ]
    columns = {
        "sharing": "arm|reached 0.60|M steps to it|seconds to it|best score|copies|staleness (pushes)"
        "|kB to, from workers|not work (%)",
        "speed": "scaling|backend|workers|managers|M steps/s|speed-up|over one worker|not work (%)"
        "|work, supervisor CPU (s)|memory (MiB)|kB to, from workers|note",
        "validation": "managers a worker|rounds a period|projected (M steps/s)|measured (M steps/s)|error (%)",
        "projection": "nodes|sharing|latency (ms)|projected (M steps/s)|store busy (%)",
    }
    seeds = len(found["learning"]["seeds"])
    told = {
        "sharing": (
            f"Sharing on swing-up, {alone('learning.steps')} M environment steps, {seeds} seeds",
            "Medians over the runs that reached the target, else means over seeds. `sequential` is one evolution "
            f"strategy with twice the candidates; random search knows no copies. {stand}",
        ),
        "speed": (
            "Speed of the distributed swarm, measured",
            "Medians over turns. Speed-up is over the best single process on the same managers, turn by turn; the "
            f"ratio to one worker is no speed-up. Two unrelated processes at once do {alone('ceiling')} of one's work "
            f"here. Memory is the supervisor's peak. {stand}",
        ),
        "validation": (
            f"Two workers as projected from one, and as measured; median error {alone('error')} %",
            "The simulation was fitted to one worker alone, and to what two unrelated processes do at once on this "
            f"machine: {alone('ceiling')} of one; 30 replications, the middle 95 % of them in brackets.",
        ),
        "projection": (
            "Projected, not measured: weak scaling of the distributed swarm",
            "A discrete-event simulation of as many nodes with a core each and one store; 30 replications.",
        ),
    }
    rows = {"sharing": sharing, "speed": speed, "validation": validation, "projection": projection}
    return {name: Table(tuple(columns[name].split("|")), tuple(rows[name]), *told[name]) for name in rows}


def _stem(table: str, row: Mapping[str, Any]) -> str:
    return ".".join([table, *(f"{row[name]:g}" if name == "latency" else str(row[name]) for name in PLACES[table])])
