"""Every arm of the study by name: which modules are it, and which settings it is given.

Names only: no method is imported here and no method imports this table, so that the code digest of a method covers
what it uses and a new arm makes no old record stale. The four variants are two modules (`population` or one agent)
and one group of settings (`memory` or none).
"""

from typing import NamedTuple


class Method(NamedTuple):
    """The groups of the configuration's `methods` that an arm reads, and its module under each protocol it knows.

    `episode` is the module whose `fit` learns an episode, `stream` the one whose `learn` goes through a stream of
    tasks, `events` the one whose `Learner` lives through events, with `event_settings` in place of the other groups;
    None where the arm is not defined for that protocol. `images`: on a stream it learns from the images.
    """

    settings: tuple[str, ...]
    episode: str | None = None
    stream: str | None = None
    images: bool = False
    events: str | None = None
    event_settings: tuple[str, ...] = ("event_heads",)


_M, _S, _E = "hsokv.methods", "hsokv.methods.streams", "hsokv.methods.events"

METHODS: dict[str, Method] = {
    "full": Method(
        ("head", "memory", "keys", "swarm"),
        f"{_M}.population",
        f"{_S}.population",
        events=f"{_E}.memory",
        event_settings=("event_memory", "event_heads"),
    ),
    "kv_only": Method(
        ("head", "memory"), f"{_M}.single", f"{_S}.single", events=f"{_E}.memory", event_settings=("event_memory",)
    ),
    "swarm_only": Method(("head", "swarm"), f"{_M}.population", f"{_S}.population"),
    "neither": Method(("head",), f"{_M}.single", f"{_S}.single"),
    "kv_closed_form": Method(("head", "memory", "keys"), f"{_M}.single", f"{_S}.single"),
    "kv_random_search": Method(("head", "memory", "keys", "swarm"), f"{_M}.random_search", f"{_S}.random_search"),
    "kv_flat_population": Method(("head", "memory", "keys", "swarm"), f"{_M}.flat_population"),
    "single_agent_equal_flops": Method(("head", "memory", "keys", "swarm"), f"{_M}.single_agent_equal_flops"),
    "knn": Method(("knn",), f"{_M}.knn", f"{_S}.knn", events=f"{_E}.memory", event_settings=("event_memory", "knn")),
    "prototypes": Method((), f"{_M}.prototypes", f"{_S}.prototypes", events=f"{_E}.prototypes"),
    "ridge": Method(("ridge",), f"{_M}.ridge", f"{_S}.ridge", events=f"{_E}.ridge"),
    "linear_probe": Method(("linear_probe",), f"{_M}.linear_probe", events=f"{_E}.linear_probe"),
    "maml": Method(("maml",), f"{_M}.maml"),
    "experience_replay": Method(("head",), stream=f"{_S}.experience_replay", events=f"{_E}.experience_replay"),
    "fine_tune": Method(("fine_tune",), stream=f"{_S}.fine_tune", images=True, events=f"{_E}.fine_tune"),
    "joint": Method(("head",), stream=f"{_S}.joint", events=f"{_E}.joint"),
}
