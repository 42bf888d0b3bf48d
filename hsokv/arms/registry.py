"""Every arm of the study by name: its module, the settings that it is given, and what it can learn from.

Names only: no method is imported here and no method imports this table, so that the code digest of a method covers
what it uses and a new arm makes no old record stale. The four variants are two modules (`population` or one agent)
and one group of settings (`memory` or none).
"""

from typing import NamedTuple


class Method(NamedTuple):
    """An arm: its module below hsokv.arms and the groups of the configuration's `methods` that it reads.

    `protocols`: an "episode" is learnt by the module's `fit`, a "stream" of tasks by its `learn`. `images`: on a stream
    it learns from the images. `background`: it wants a task that brings data outside the task, as words do. `events`:
    the module below hsokv.arms whose `Learner` lives through events, which reads `event_settings` in place of
    the other groups; None where the arm is not defined for them.
    """

    module: str
    settings: tuple[str, ...]
    protocols: tuple[str, ...] = ("episode", "stream")
    images: bool = False
    background: bool = False
    events: str | None = None
    event_settings: tuple[str, ...] = ("event_heads",)


_EPISODE, _STREAM = ("episode",), ("stream",)

METHODS: dict[str, Method] = {
    "full": Method(
        "population",
        ("head", "memory", "keys", "maps", "swarm"),
        events="event_memory",
        event_settings=("event_memory", "event_heads"),
    ),
    "kv_only": Method("single", ("head", "memory"), events="event_memory", event_settings=("event_memory",)),
    "swarm_only": Method("population", ("head", "swarm")),
    "neither": Method("single", ("head",)),
    "kv_closed_form": Method("single", ("head", "memory", "keys")),
    "kv_learnt_maps": Method("single", ("head", "memory", "keys", "maps"), _EPISODE, background=True),
    "kv_random_search": Method("random_search", ("head", "memory", "keys", "maps", "swarm")),
    "kv_flat_population": Method("flat_population", ("head", "memory", "keys", "maps", "swarm"), _EPISODE),
    "single_agent_equal_flops": Method(
        "single_agent_equal_flops", ("head", "memory", "keys", "maps", "swarm"), _EPISODE
    ),
    "knn": Method("knn", ("knn",), events="event_memory", event_settings=("event_memory", "knn")),
    "prototypes": Method("prototypes", (), events="prototypes"),
    "ridge": Method("ridge", ("ridge",), events="ridge"),
    "linear_probe": Method("linear_probe", ("linear_probe",), _EPISODE, events="linear_probe"),
    "maml": Method("maml", ("maml",), _EPISODE),
    "experience_replay": Method("experience_replay", ("head",), _STREAM, events="experience_replay"),
    "fine_tune": Method("fine_tune", ("fine_tune",), _STREAM, images=True, events="fine_tune"),
    "joint": Method("joint", ("head",), _STREAM, events="joint"),
}
