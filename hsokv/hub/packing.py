"""A predictor, a nested tuple of tensors and numbers, as a module whose tensors are saved and loaded by name."""

from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args, get_type_hints

import torch
from torch import Tensor, nn

from hsokv.methods.ensemble import Ensemble
from hsokv.methods.knn import Neighbours
from hsokv.methods.linear import Linear
from hsokv.methods.streams.fine_tune import FromImages
from hsokv.model.head import Head

KINDS = {"ensemble": Ensemble, "linear": Linear, "neighbours": Neighbours, "images": FromImages}
"""The predictors of the study's arms, by the name that stands in a model's configuration."""


def kind_of(predictor: Any) -> str:
    """The name of a predictor's kind."""
    return next(name for name, kind in KINDS.items() if type(predictor) is kind)


def describe(value: Any) -> Any:
    """A predictor without its numbers, as JSON: {"shape", "dtype"} for a tensor, fields by name for a tuple.

    >>> describe(Head(torch.zeros(2, 3), torch.zeros(3)))["bias"]
    {'shape': [3], 'dtype': 'float32'}
    """
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
    return {name: describe(part) for name, part in value._asdict().items()} if isinstance(value, tuple) else value


class Packed(nn.Module):
    """A predictor of which `described` says the shapes: its heads are parameters, all else persistent buffers.

    Everything is zero until a checkpoint is loaded or `keep` is called.
    """

    def __init__(self, kind: type, described: Mapping[str, Any]) -> None:
        super().__init__()
        self._kind, self._plain = kind, {}
        for name, hint in get_type_hints(kind).items():
            part = described[name]
            if isinstance(part, dict) and "shape" in part:
                tensor = torch.zeros(part["shape"], dtype=getattr(torch, part["dtype"]))
                if kind is Head:
                    self.register_parameter(name, nn.Parameter(tensor))
                else:
                    self.register_buffer(name, tensor)
            elif isinstance(part, dict):
                inner = next(one for one in (get_args(hint) or (hint,)) if one is not NoneType)
                self.add_module(name, Packed(inner, part))
            else:
                self._plain[name] = part

    def value(self) -> Any:
        """The predictor; its tensors are the module's own."""
        parts = dict(self._plain)
        for name in self._kind._fields:
            if name not in parts:
                part = getattr(self, name)
                parts[name] = part.value() if isinstance(part, Packed) else part
        return self._kind(**parts)

    def keep(self, predictor: Any) -> None:
        """Hold what a predictor of the same structure holds, of whatever shapes.

        What is held already stays the very tensor that it is, so that an optimiser of it goes on.
        """
        for name, part in predictor._asdict().items():
            if part is getattr(self, name, None):
                continue
            if isinstance(part, Tensor) and self._kind is Head:
                setattr(self, name, nn.Parameter(part.detach()))
            elif isinstance(part, Tensor):
                setattr(self, name, part.detach())
            elif part is not None and isinstance(part, tuple):
                getattr(self, name).keep(part)
            else:
                self._plain[name] = part
