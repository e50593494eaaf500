"""The execution providers of ONNX Runtime: what a graph runs on, by the names that ONNX Runtime has for them.

A deployment is proven on the providers that score: those which started when it was made are kept with the model, and a
process that lacks one of them refuses the model. ONNX Runtime itself would go on with another one, whose sums round
otherwise, and a label on the border could change.

Source: onnxruntime.ai/docs/execution-providers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indb.errors import ModelFileError
from indb.runtime.probe import CPU
from indb.runtime.tensors import absent

PROVIDERS = (
    *("CUDAExecutionProvider", "TensorrtExecutionProvider", "NvTensorRTRTXExecutionProvider", "ROCMExecutionProvider"),
    *("MIGraphXExecutionProvider", "OpenVINOExecutionProvider", "DnnlExecutionProvider", "DmlExecutionProvider"),
    *("CoreMLExecutionProvider", "QNNExecutionProvider", "VitisAIExecutionProvider", "RknpuExecutionProvider"),
    *("CANNExecutionProvider", "XnnpackExecutionProvider", "ACLExecutionProvider", "ArmNNExecutionProvider"),
    *("NnapiExecutionProvider", "VSINPUExecutionProvider", "WebGpuExecutionProvider", CPU),
)
"""Those that compute on the machine itself. AzureExecutionProvider is none: it sends rows to another one."""


def session(graph: bytes, providers: Sequence[str], what: str) -> Any:
    """ONNX Runtime's session for a graph on one thread, on these providers in their order, else on the CPU.

    Raises: ModelFileError, which begins with `what`, when the package is missing, the graph cannot be loaded, or a
    provider does not start.
    """
    try:
        import onnxruntime
    except ImportError:
        raise absent("onnxruntime", what) from None
    built = onnxruntime.get_available_providers()
    wanted = list(dict.fromkeys([*providers, CPU]))
    lacking = [name for name in wanted if name not in built]
    if not lacking:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the database's own threads share the rows
        options.log_severity_level = 4  # what goes wrong with a row is no news for the server's log
        try:
            found = onnxruntime.InferenceSession(graph, options, providers=wanted, enable_fallback=0)
        except Exception as error:  # each kind of damage has an exception of its own
            raise ModelFileError(f"{what}: ONNX Runtime says {error}") from error
        lacking = [name for name in wanted if name not in found.get_providers()]
    if lacking:
        raise ModelFileError(
            f"{what}: it was proven on {', '.join(providers)}, found {', '.join(built)} without a working {lacking[0]}",
            "Deploy it again, where the providers that are found then are proven.",
        )
    return found
