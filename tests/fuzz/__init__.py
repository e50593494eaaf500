"""Fuzzing the readers of files: mutated files go in, a model or an error of indb must come out.

    python -m fuzz pmml --inputs 1000000        from the folder tests; also `onnx`
    python -m fuzz onnx --only 12345            one input again, in this process

Every input follows from its number and the seed alone. What counts as a finding: an exception that is not indb's own, a
process that dies, more than 5 seconds, more than a gigabyte, a file or a connection opened, a text that is run.
"""
