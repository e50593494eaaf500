"""What scores inside a database process: batches of rows, with numpy and, where installed, ONNX Runtime."""
