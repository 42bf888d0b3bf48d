"""A predictor, a nested tuple of tensors and numbers, as a module whose tensors are saved and loaded by name."""

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, get_args, get_type_hints

import torch
from torch import Tensor, nn

from hsokv.exceptions import ModelError
from hsokv.methods.ensemble import Ensemble
from hsokv.methods.knn import Neighbours
from hsokv.methods.linear import Linear
from hsokv.methods.streams.fine_tune import FromImages
from hsokv.model.head import Head

KINDS = {"ensemble": Ensemble, "linear": Linear, "neighbours": Neighbours, "images": FromImages}
"""The predictors of the study's arms, by the name that stands in a model's configuration."""


def describe(value: Any) -> Any:
    """A predictor without its numbers, as JSON: {"shape", "dtype"} for a tensor, fields by name for a tuple.

    >>> describe(Head(torch.zeros(2, 3), torch.zeros(3)))["bias"]
    {'shape': [3], 'dtype': 'float32'}
    """
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
    return {name: describe(part) for name, part in value._asdict().items()} if isinstance(value, tuple) else value


class WideModule(nn.Module):
    """A module whose own tensors stay in float32 or wider where a model goes to half precision.

    Counts in half precision stand still at 2048, and products of a memory cost little beside an encoder's.
    """

    def new_buffer(self, name: str, *shape: int) -> None:
        """Register zeros."""
        dtype = torch.promote_types(torch.get_default_dtype(), torch.float32)
        self.register_buffer(name, torch.zeros(shape, dtype=dtype))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        def widely(tensor: Tensor) -> Tensor:
            to = fn(tensor.new_empty(0))
            narrower = to.is_floating_point() and to.dtype.itemsize < min(4, tensor.dtype.itemsize)
            return tensor.to(to.device) if narrower else fn(tensor)

        return super()._apply(widely, recurse)


class PredictorModule(WideModule):
    """A predictor of which `fields` says the shapes: its heads are parameters, all else persistent buffers.

    Everything is zero until a checkpoint is loaded or `keep` is called.
    """

    def __init__(self, kind: type, fields: Mapping[str, Any]) -> None:
        super().__init__()
        self._kind, self._plain = kind, {}
        for name, hint in get_type_hints(kind).items():
            part = fields[name]
            if isinstance(part, dict) and "shape" in part:
                tensor = torch.zeros(part["shape"], dtype=getattr(torch, part["dtype"]))
                if kind is Head:
                    self.register_parameter(name, nn.Parameter(tensor))
                else:
                    self.register_buffer(name, tensor)
            elif isinstance(part, dict):
                inner = next(one for one in (get_args(hint) or (hint,)) if one is not NoneType)
                self.add_module(name, PredictorModule(inner, part))
            else:
                self._plain[name] = part

    @property
    def dtype(self) -> torch.dtype:
        """Of the features that it takes."""
        return next(part.dtype for part in (*self.parameters(), *self.buffers()) if part.is_floating_point())

    def value(self) -> Any:
        """The predictor; its tensors are the module's own."""
        parts = dict(self._plain)
        for name in self._kind._fields:
            if name not in parts:
                part = getattr(self, name)
                parts[name] = part.value() if isinstance(part, PredictorModule) else part
        return self._kind(**parts)

    def describe(self) -> dict[str, Any]:
        """Its kind and the shapes of its tensors, as a model's configuration holds them."""
        kind = next(name for name, kind in KINDS.items() if kind is self._kind)
        return {"kind": kind, "fields": describe(self.value())}

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

    def reshape(self, fields: Mapping[str, Any]) -> None:
        """Take the shapes that `fields` says, for a state_dict that is to be loaded; parameters that fit stay."""
        for name, part in fields.items():
            own = getattr(self, name, None)
            if isinstance(part, dict) != isinstance(own, Tensor | nn.Module):
                raise ModelError(f"this state_dict is of another kind of model: they differ in the predictor's {name}")
            if isinstance(own, PredictorModule):
                own.reshape(part)
            elif own is None:
                self._plain[name] = part
            elif not isinstance(own, nn.Parameter):  # never in place: a state that was read earlier stays as it is
                setattr(self, name, own.new_zeros(part["shape"]))
            elif list(own.shape) != part["shape"]:
                setattr(self, name, nn.Parameter(own.new_zeros(part["shape"]), own.requires_grad))
