"""H-SOKV: a hierarchical swarm with key-value memory, and the study that asks whether it helps.

The public names, each imported when it is first used, so that `import hsokv` loads neither torch nor numpy. Names that
do not stand here may change without notice.

| name | what it is | needs |
|---|---|---|
| `KeyValueMemory` | a class-balanced key-value memory as a module of PyTorch, for any training loop | torch, numpy |
| `MemoryClassifier` | the memory as a classifier of scikit-learn, with `partial_fit` | extra `sklearn` |
| `text_memory` | a model of texts that learns examples without gradients | extra `hub` |
| `HSOKVForSequenceClassification` | a trained or an empty model, saved and loaded as transformers does | extra `hub` |
| `HSOKVTrainer` | the Trainer of transformers, which writes to the memory as it trains | extra `train` |

>>> import torch
>>> from hsokv import KeyValueMemory
>>> memory = KeyValueMemory(key_dim=2, classes=2, capacity=10)
>>> memory.write(torch.eye(2), torch.tensor([0, 1]))
>>> memory(torch.tensor([[2.0, 0.1]])).argmax(-1).tolist()
[0]
"""

from importlib import import_module

__version__ = "0.2.0"

_MODULES = {  # not import statements: the code digest of a run would follow them to all models (types: __init__.pyi)
    "HSOKVForSequenceClassification": "hsokv.hub",
    "HSOKVTrainer": "hsokv.hub.trainer",
    "KeyValueMemory": "hsokv.memory",
    "MemoryClassifier": "hsokv.hub.estimator",
    "text_memory": "hsokv.hub",
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
