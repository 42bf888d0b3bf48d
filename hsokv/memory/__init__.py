"""A key-value memory: pure functions on a state (`functional`), and a module around them for any training loop."""

from hsokv.memory.module import KeyValueMemory

__all__ = ["KeyValueMemory"]
