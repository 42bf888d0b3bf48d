"""Named tuples and learnt tensors as modules that compute in float32 or wider, whatever the model around them does."""

from collections.abc import Callable
from typing import Generic, NamedTuple, Self, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T", bound=NamedTuple)


def wide_zeros(*shape: int) -> Tensor:
    """Zeros in the precision that models are made in now, or in float32 where that is a half one."""
    return torch.zeros(shape, dtype=torch.promote_types(torch.get_default_dtype(), torch.float32))


class WideModule(nn.Module):
    """A module whose tensors stay in float32 or wider where the model around it goes to half precision.

    Counts in half precision stand still at 2048, and products of a memory cost little beside an encoder's.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        def widely(tensor: Tensor) -> Tensor:
            to = fn(tensor.new_empty(0))
            narrower = to.is_floating_point() and to.dtype.itemsize < min(4, tensor.dtype.itemsize)
            return tensor.to(to.device) if narrower else fn(tensor)

        return super()._apply(widely, recurse)


class TupleModule(WideModule, Generic[T]):
    """A named tuple of tensors as a module: persistent buffers of the same names."""

    def __init__(self, value: T) -> None:
        super().__init__()
        self._kind = type(value)
        for name, part in value._asdict().items():
            self.register_buffer(name, part.detach())

    def value(self) -> T:
        """The tuple; its tensors are the module's own."""
        return self._kind._make(getattr(self, name) for name in self._kind._fields)

    def keep(self, value: T) -> None:
        """Hold the tensors of another such tuple."""
        for name, part in value._asdict().items():
            setattr(self, name, part.detach())
