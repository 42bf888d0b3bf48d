"""What methods of the study predict with, nested tuples of tensors, as modules: saved and loaded by name."""

from collections.abc import Callable, Mapping
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


def describe(value: Any) -> Any:
    """A predictor without its numbers, as JSON: {"shape", "dtype"} for a tensor, fields by name for a tuple.

    >>> describe(Head(torch.zeros(2, 3), torch.zeros(3)))["bias"]
    {'shape': [3], 'dtype': 'float32'}
    """
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
    return {name: describe(part) for name, part in value._asdict().items()} if isinstance(value, tuple) else value


def zeros(kind: type, fields: Mapping[str, Any]) -> Any:
    """The predictor of a kind that `describe` said `fields` of, its tensors zero."""

    def part(hint: Any, described: Any) -> Any:
        if not isinstance(described, dict):
            return described
        if "shape" in described:
            return torch.zeros(described["shape"], dtype=getattr(torch, described["dtype"]))
        return zeros(next(one for one in (get_args(hint) or (hint,)) if one is not NoneType), described)

    hints = get_type_hints(kind)
    return kind(**{name: part(hints[name], fields[name]) for name in kind._fields})


def wide_zeros(*shape: int) -> Tensor:
    """Zeros in the precision that models are made in now, or in float32 where that is a half one."""
    return torch.zeros(shape, dtype=torch.promote_types(torch.get_default_dtype(), torch.float32))


class WideModule(nn.Module):
    """A module whose own tensors stay in float32 or wider where a model goes to half precision.

    Counts in half precision stand still at 2048, and products of a memory cost little beside an encoder's.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        def widely(tensor: Tensor) -> Tensor:
            to = fn(tensor.new_empty(0))
            narrower = to.is_floating_point() and to.dtype.itemsize < min(4, tensor.dtype.itemsize)
            return tensor.to(to.device) if narrower else fn(tensor)

        return super()._apply(widely, recurse)


class TupleModule(WideModule):
    """A named tuple as a module: tensors of a Head are parameters, other tensors persistent buffers, by their names."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self._kind, self._plain = type(value), {}
        for name, part in value._asdict().items():
            if isinstance(part, tuple):
                self.add_module(name, TupleModule(part))
            elif not isinstance(part, Tensor):
                self._plain[name] = part
            elif self._kind is Head:
                self.register_parameter(name, nn.Parameter(part.detach()))
            else:
                self.register_buffer(name, part.detach())

    @property
    def dtype(self) -> torch.dtype:
        """Of the features that it takes."""
        return next(part.dtype for part in (*self.parameters(), *self.buffers()) if part.is_floating_point())

    def value(self) -> Any:
        """The tuple; its tensors are the module's own."""
        parts = {name: getattr(self, name) for name in self._kind._fields if name not in self._plain}
        parts |= {name: part.value() for name, part in parts.items() if isinstance(part, TupleModule)}
        return self._kind(**self._plain, **parts)

    def keep(self, value: Any) -> None:
        """Hold what a tuple of the same structure holds, of whatever shapes.

        What is held already stays the very tensor that it is, so that an optimizer of it goes on.
        """
        for name, part in value._asdict().items():
            if isinstance(part, tuple):
                getattr(self, name).keep(part)
            elif not isinstance(part, Tensor):
                self._plain[name] = part
            elif part is not getattr(self, name):
                setattr(self, name, nn.Parameter(part.detach()) if self._kind is Head else part.detach())
