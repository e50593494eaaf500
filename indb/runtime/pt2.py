"""Programs of torch.export (.pt2), run operator by operator, as PyTorch does without compiling."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from indb.errors import ModelFileError
from indb.runtime import pt2_file, pytorch, tensors
from indb.runtime.pt2_file import Constant, Node
from indb.runtime.tensors import Arrays, Tensor

SIZES: dict[str, Callable[..., Any]] = {
    f"_operator.{function.__name__}": function
    for function in (
        *(operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.neg, operator.pos),
        *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
    )
}
"""What a graph may do with sizes."""

PRIVATE = {
    "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "_assert_scalar", "_assert_tensor_metadata", "_cdist_forward",
    "_log_softmax", "_native_batch_norm_legit_no_training", "_safe_softmax", "_softmax", "_to_copy", "_unsafe_view",
    "_weight_norm",
}  # fmt: skip
"""Operators of which ATen's own functions are made, and that check what they are given."""

FILES = {"from_file", "save"}
"""Operators that open files."""

QUIET = {"train": False, "training": False, "dropout_p": 0.0, "use_input_stats": False}
"""Arguments of operators that else draw random numbers, or learn from the rows that they see."""


class Graph(tensors.Graph):
    """A program that is given tensors of any number of rows, or of as many as it was exported with.

    Raises: ModelFileError when torch is missing here, the bytes are damaged, or use what is not run here.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self._torch = pytorch.load(what)
        try:
            self.program, self.payload = pt2_file.parse(data)
            self._operators = [self._operator(node) for node in self.program.nodes]
            constants = self.program.constants.items()
            self._constants = {name: self._constant(constant) for name, constant in constants}
        except (ValueError, RuntimeError) as error:
            raise ModelFileError(f"{what}: {error}") from error
        self.inputs = self.program.inputs
        self.outputs = [Tensor(name, "", (None,)) for name in self.program.outputs]
        self.at_most = self.program.n_rows
        self.fills = self.at_most is not None

    def run(self, feed: Arrays) -> Arrays:
        torch = self._torch
        try:
            with torch.inference_mode():
                values = dict(self._constants)
                for tensor, given in zip(self.inputs, feed, strict=True):
                    values[tensor.name] = torch.from_numpy(np.ascontiguousarray(given))
                for node, function in zip(self.program.nodes, self._operators, strict=True):
                    self._step(node, function, values)
                return [pytorch.array(values[name]) for name in self.program.outputs]
        except pytorch.REFUSALS as error:
            raise ValueError(str(error)) from error
        except KeyError as error:
            raise ModelFileError(f"cannot score with the graph: nothing computes {error}") from error

    def _step(self, node: Node, function: Any, values: dict[str, Any]) -> None:
        places = [self._value(value, values) for _, value, by_place in node.inputs if by_place]
        named = {name: self._value(value, values) for name, value, by_place in node.inputs if not by_place}
        found = function(*places, **named)
        results = (found,) if len(node.outputs) == 1 else (found or ())
        for (kind, what), result in zip(node.outputs, results, strict=False):
            if kind == "as_tensor":
                values[what["name"]] = result
            elif kind == "as_tensors":
                values.update(zip([each["name"] for each in what], result, strict=True))
            elif kind in ("as_sym_int", "as_sym_bool"):
                values[what["as_name"]] = result

    def _value(self, argument: tuple[str, Any], values: dict[str, Any]) -> Any:
        """An argument of an operator. Raises: ValueError for a kind that is not known."""
        kind, what = argument
        match kind:
            case "as_tensor":
                return values[what["name"]]
            case "as_tensors":
                return [values[each["name"]] for each in what]
            case "as_optional_tensors":
                return [values[each["as_tensor"]["name"]] if "as_tensor" in each else None for each in what]
            case "as_none":
                return None
            case "as_int" | "as_ints" | "as_float" | "as_floats" | "as_bool" | "as_bools" | "as_string":
                return what
            case "as_sym_int" | "as_sym_bool":
                return _size(what, values)
            case "as_sym_ints":
                return [_size(each, values) for each in what]
            case "as_scalar_type":
                return getattr(self._torch, pt2_file.SCALARS[what])
            case "as_memory_format":
                return getattr(self._torch, MEMORY[what])
            case "as_layout" if what == 7:
                return self._torch.strided
            case "as_device" if what["type"] == "cpu":
                return self._torch.device("cpu")
        raise ValueError(f"an operator takes {kind} {what}, needed numbers and tensors of the processor")

    def _operator(self, node: Node) -> Any:
        """What computes a node. Raises: ValueError for an operator that is not pure arithmetic."""
        if node.target in SIZES:
            return SIZES[node.target]
        space, _, rest = node.target.partition(".")
        name, _, overload = rest.partition(".")
        what = f"it uses the operator {rest}"
        if space != "aten" or name in FILES or (name.startswith("_") and name not in PRIVATE):
            raise ValueError(f"{what}, needed public ones of ATen")
        try:
            found = getattr(getattr(self._torch.ops.aten, name), overload)
            mutates = found._schema.is_mutable
        except AttributeError:
            raise ValueError(f"{what}, which this torch does not have") from None
        if mutates:
            raise ValueError(f"{what}, which changes its arguments: export what run_decompositions() gives")
        quiet = [name for name, value, _ in node.inputs if name in QUIET and value[1] == QUIET[name]]
        loud = [name for name, value, _ in node.inputs if name in QUIET and value[1] != QUIET[name]]
        is_random = self._torch.Tag.nondeterministic_seeded in found.tags
        if loud or (is_random and not quiet and name != "scaled_dot_product_attention"):
            raise ValueError(f"{what}, which gives random values or learns: export the model after eval()")
        return found

    def _constant(self, constant: Constant) -> Any:
        torch = self._torch
        if not constant.data:
            return torch.zeros(constant.shape, dtype=getattr(torch, constant.kind))
        flat = torch.frombuffer(bytearray(constant.data), dtype=getattr(torch, constant.kind))
        return flat.as_strided(constant.shape, constant.strides, constant.offset)


MEMORY = {1: "contiguous_format", 2: "channels_last", 3: "channels_last_3d", 4: "preserve_format"}


def _size(what: dict[str, Any], values: dict[str, Any]) -> Any:
    if "as_name" in what:
        return values[what["as_name"]]
    return what["as_bool"] if "as_bool" in what else what["as_int"]
