"""ONNX files as indb writes them: protobuf messages, the node of a tree ensemble, functions for what blocks mean."""
