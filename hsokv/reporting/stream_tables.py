"""Tables of the streams: how well the arms learn task after task, and what systems trained from scratch reach."""

from collections.abc import Mapping
from typing import Any

from hsokv.reporting.ledger import text
from hsokv.reporting.streams import CARRIED
from hsokv.reporting.table import DASH, Table, if_done, make_table, titled

COMPARED = "split_cifar10"  # the stream that others have published figures of
PUBLISHED = (  # P. Buzzega et al. (2020), table 2: ResNet-18; class-incremental, task-incremental
    ("SGD without a memory", "19.6", "61.0"),
    ("experience replay, 500 images", "57.7", "93.6"),
    ("DER++, 500 images", "72.7", "93.9"),
    ("joint", "92.2", "98.3"),
)
SHOWN = ("neither", "fine_tune", "experience_replay", "ridge", "kv_only", "full", "joint")
COLUMNS = {
    "accuracy": "accuracy, class-incremental (%)",
    "accuracy_task_incremental": "accuracy, task-incremental (%)",
    "bwt": "BWT, class-incremental (points)",
    "bwt_task_incremental": "BWT, task-incremental (points)",
    "forgetting": "forgetting (points)",
    "excess_forgetting": "excess over joint (points)",
    "retention": "retention (%)",
}


def stream(statistics: Mapping[str, Any], benchmark: str) -> Table:
    """How the arms learn one stream: a row an arm, under each condition, with what they carry to the next task."""
    slice_ = statistics["study"]["benchmarks"][benchmark]
    rows = []
    for condition in slice_["conditions"]:
        for arm in slice_["arms"]:
            cells = [if_done(statistics, (benchmark, condition, arm), score, True) for score in COLUMNS]
            if not cells[0]:
                reason = text(statistics["numbers"], f"{benchmark}.{condition}.{arm}.accuracy.mean")
                cells = [reason, *[DASH] * (len(COLUMNS) - 1)]
            carried = _carried(statistics, (benchmark, condition, arm))
            rows.append((condition, arm, *(cell or DASH for cell in (*cells, carried))))
    one = len(slice_["conditions"]) == 1
    columns = ("condition", "arm", *COLUMNS.values(), f"KiB carried ({' + '.join(CARRIED)})")
    place = f"{titled(statistics, benchmark)}" + (f", {slice_['conditions'][0]}" if one else "")
    caption = f"{place}: what the arms learn task after task, seen after the last one, with 95 % intervals"
    note = (
        "Forgetting, excess and retention are class-incremental. Intervals of all but class-incremental accuracy are "
        f"over seeds alone. {DASH}: nothing to show."
    )
    rows = [row[1:] for row in rows] if one else rows
    return make_table(statistics, columns[1:] if one else columns, rows, caption, note)


def published(statistics: Mapping[str, Any]) -> Table:
    """What was published of training from scratch on Split-CIFAR-10, above this study's arms on the same split."""
    slice_ = statistics["study"]["benchmarks"].get(COMPARED, {})
    rows = [(name, "published", *cells) for name, *cells in PUBLISHED] if slice_.get("stream") else []
    for arm in (arm for arm in SHOWN if rows and arm in slice_["arms"]):
        scores = ("accuracy", "accuracy_task_incremental")
        cells = (if_done(statistics, (COMPARED, "headline", arm), score, True) for score in scores)
        rows.append((arm, "this study", *(cell or "not run" for cell in cells)))
    columns = ("method", "from", "class-incremental (%)", "task-incremental (%)")
    caption = f"{titled(statistics, COMPARED)}: arms of this study below published figures of training from scratch"
    note = (
        "Published: Buzzega et al. (2020), ResNet-18 trained whole on 50,000 images in 50 passes a task. Here heads "
        "and memories learn on frozen features, under an allowance of operations."
    )
    return make_table(statistics, columns, rows, caption, note)


def _carried(statistics: Mapping[str, Any], place: tuple[str, str, str]) -> str:
    """`12.5 (10.0 + 0.0 + 2.5)`: all, then the parts."""
    total, *parts = (if_done(statistics, place, f"carried_{name}") for name in ("total", *CARRIED))
    return f"{total} ({' + '.join(parts)})" if total else ""
