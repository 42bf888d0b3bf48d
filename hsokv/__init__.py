"""H-SOKV: a hierarchical swarm with key-value memory, and the study that asks whether it helps."""

__version__ = "0.1.0"
