"""Counted floating-point operations: the one currency in which every arm is paid.

Matrix products and convolutions are counted by `torch.utils.flop_counter`; what it does not know is added by formula
(it returns 0 for topk, cholesky, solves); what is neither counted, nor given a formula, nor on the short list of
negligible operations raises, so that no work is free by oversight.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from hsokv.exceptions import BudgetError

P = ParamSpec("P")
T = TypeVar("T")

# FLOPs by formula: topk keeps a heap of k while it scans each row, sort is along the last axis; the factorisations are
# the textbook counts.
FORMULAS: dict[str, Callable[..., float]] = {
    "topk": lambda x, k, *_, **__: x.numel() * max(1.0, math.log2(k)),
    "sort": lambda x, *_, **__: x.numel() * max(1.0, math.log2(max(1, x.shape[-1]))),
    "_unique2": lambda x, *_, **__: x.numel() * max(1.0, math.log2(max(1, x.numel()))),
    "searchsorted": lambda x, values, **__: values.numel() * max(1.0, math.log2(max(1, x.numel()))),
    "linalg_cholesky_ex": lambda x, *_, **__: x.numel() * x.shape[-1] / 3,
    "_linalg_eigh": lambda x, *_, **__: 9 * x.numel() * x.shape[-1],  # Golub and Van Loan 2013, section 8.3
    "dot": lambda x, *_, **__: 2 * x.numel(),
    "cholesky_solve": lambda b, factor, *_, **__: 2 * b.numel() * factor.shape[-1],
}

# Work linear in the tensor, dwarfed by the products that made it: besides the operations that torch tags as pointwise
# or as reductions and those that are views, these: softmaxes, gathers, moves, draws and constants.
NEGLIGIBLE = {
    *("_softmax", "_log_softmax", "_log_softmax_backward_data", "nll_loss_forward", "nll_loss_backward", "cummax"),
    *("gather", "scatter", "scatter_", "scatter_add", "index", "index_select", "embedding", "embedding_dense_backward"),
    *("isin", "nonzero", "bincount", "cumsum", "randperm", "copy_", "index_copy_", "index_add_", "index_put_"),
    *("max_pool1d", "max_pool2d_with_indices", "floor_divide", "remainder", "masked_fill_", "constant_pad_nd", "flip"),
    *("cat", "stack", "clone", "_to_copy", "_unsafe_view", "_local_scalar_dense", "_linalg_check_errors"),
    *("rand", "randint", "randn", "arange", "eye", "full", "ones", "zeros", "ones_like", "zeros_like", "empty_like"),
    *("full_like", "new_zeros", "scalar_tensor", "empty", "repeat", "as_strided_", "promote_types"),
    *("diag_embed", "fill_", "index_fill_", "select_backward", "slice_backward"),
    *("_record_function_enter_new", "_record_function_exit"),  # torch.optim's marks for the profiler
    # Of encoders of images: norms, pools, and places drawn over to another size of image.
    *("native_layer_norm", "native_batch_norm", "cudnn_batch_norm", "avg_pool2d", "hardswish"),
    *("upsample_bilinear2d", "upsample_bicubic2d"),
}


@cache
def _is_negligible(operation: torch._ops.OpOverload) -> bool:
    tagged = {torch.Tag.pointwise, torch.Tag.reduction} & set(operation.tags)
    return bool(tagged) or operation.is_view or operation._overloadpacket.__name__ in NEGLIGIBLE


class FlopCounter(TorchDispatchMode):
    """Adds up the operations inside the block in `total`; `strict`: one that it does not know raises BudgetError."""

    def __init__(self, strict: bool = True) -> None:
        super().__init__()
        self.total, self.strict = 0, strict

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and True imports torch._dynamo: 2.3 s a process

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        out = func(*args, **(kwargs or {}))
        packet = func._overloadpacket
        name = packet.__name__
        if packet in flop_registry:
            self.total += flop_registry[packet](*args, **(kwargs or {}), out_val=out)
        elif name in FORMULAS:
            self.total += math.ceil(FORMULAS[name](*args, **(kwargs or {})))
        elif self.strict and not _is_negligible(func):
            raise BudgetError(
                f"the operation aten.{name} is neither counted nor given a formula; "
                "add its formula to hsokv/learning/budget.py, or name it negligible there with reason"
            )
        return out


def count_flops(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, int]:
    """Run `function(*args, **kwargs)` and return its result with the floating-point operations it took.

    >>> import torch
    >>> count_flops(torch.matmul, torch.ones(2, 3), torch.ones(3, 4))[1]  # 2 x 2 x 3 x 4
    48
    """
    with FlopCounter() as counter:
        result = function(*args, **kwargs)
    return result, counter.total


class Budget:
    """What one run may spend and has spent, in floating-point operations.

    >>> budget = Budget(100)
    >>> budget.charge(60)
    >>> budget.affords(50)
    False
    """

    def __init__(self, allowed: int) -> None:
        if allowed <= 0:
            raise BudgetError(f"a budget wants a positive number of FLOPs, got {allowed}")
        self.allowed = int(allowed)
        self.spent = 0

    def affords(self, flops: int) -> bool:
        """Whether another `flops` operations stay within the allowance."""
        return self.spent + flops <= self.allowed

    def charge(self, flops: int) -> None:
        """Spend `flops` operations; raises BudgetError where the allowance does not cover them."""
        if not self.affords(flops):
            raise BudgetError(
                f"wanted {flops:.3g} FLOPs, {self.allowed - self.spent:.3g} of {self.allowed:.3g} are left; "
                "raise flops_allowed of this benchmark or use a smaller method"
            )
        self.spent += int(flops)

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function(*args, **kwargs)` counted and charged."""
        result, flops = count_flops(function, *args, **kwargs)
        self.charge(flops)
        return result
