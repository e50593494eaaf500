"""Which execution providers of ONNX Runtime start with a graph: on this machine, or as text inside a server.

It stands by itself: PostgreSQL runs the text of this module before anything of indb is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

CPU = "CPUExecutionProvider"


def refused(graph: bytes, names: Sequence[str]) -> dict[str, str]:
    """Why each of some execution providers does not run an ONNX graph here; "" where it does.

    ONNX Runtime goes on without a provider whose device or driver is missing, so that only a session tells.
    """
    try:
        import onnxruntime
    except ImportError:
        return dict.fromkeys(names, "the package onnxruntime is missing")
    built = onnxruntime.get_available_providers()
    return {
        name: _problem(onnxruntime, graph, name) if name in built else "this ONNX Runtime is built without it"
        for name in names
    }


def _problem(onnxruntime: Any, graph: bytes, name: str) -> str:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        wanted = list(dict.fromkeys([name, CPU]))
        found = onnxruntime.InferenceSession(graph, options, providers=wanted, enable_fallback=0)
    except Exception as error:  # each provider has exceptions of its own
        return f"it does not start ({str(error).strip().splitlines()[0][:200]})"
    return "" if name in found.get_providers() else "it finds no device or driver here"
