"""Every arm of the study by name: which module fits it and which settings it is given.

Names only: no method is imported here and no method imports this table, so that the code digest of a method covers
what it uses and a new arm makes no old record stale. The four variants are two modules (`population` or one agent)
and one group of settings (`memory` or none).
"""

from typing import NamedTuple


class Method(NamedTuple):
    """The module whose `fit` is the method, and the groups of the configuration's `methods` that it reads."""

    module: str
    settings: tuple[str, ...]


METHODS: dict[str, Method] = {
    "full": Method("hsokv.methods.population", ("head", "memory", "keys", "swarm")),
    "kv_only": Method("hsokv.methods.single", ("head", "memory")),
    "swarm_only": Method("hsokv.methods.population", ("head", "swarm")),
    "neither": Method("hsokv.methods.single", ("head",)),
    "kv_closed_form": Method("hsokv.methods.single", ("head", "memory", "keys")),
    "kv_random_search": Method("hsokv.methods.random_search", ("head", "memory", "keys", "swarm")),
    "kv_flat_population": Method("hsokv.methods.flat_population", ("head", "memory", "keys", "swarm")),
    "single_all_compute": Method("hsokv.methods.single_all_compute", ("head", "memory", "keys", "swarm")),
    "knn": Method("hsokv.methods.knn", ("knn",)),
    "prototypes": Method("hsokv.methods.prototypes", ()),
    "ridge": Method("hsokv.methods.ridge", ("ridge",)),
    "linear_probe": Method("hsokv.methods.linear_probe", ("linear_probe",)),
}
