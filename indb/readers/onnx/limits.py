"""How large an ONNX file may be in every respect: a file is data from anywhere, and is read in bounded memory and time.

What no honest file has is refused; what is only too much for blocks is left to ONNX Runtime.
"""

from __future__ import annotations

MAX_NODES = 100_000
"""Nodes of a graph with its subgraphs."""

MAX_READ = 5_000
"""Nodes that are read as blocks; those of a Scan count once for each step."""

MAX_NESTING = 8
"""Subgraphs within subgraphs (If, Scan)."""

MAX_RANK = 16
"""Axes of a tensor."""

MAX_ELEMENTS = 2**28
"""Elements of a constant that is stored in the file."""

MAX_BESIDE = 2**30
"""Bytes of tensors in files beside a model that ONNX Runtime runs: a value of PostgreSQL holds no more."""

MAX_FOLDS = 1_000
"""Nodes that are computed because all they read is constant."""

MAX_MADE = 2**28
"""Elements that a node makes of a constant shape; a file that asks for more is not run by ONNX Runtime either."""

MAX_FOLDED = 2**22
"""Elements of a constant that is computed from others."""

MAX_FOLDED_TOTAL = 2**24
"""Elements of all constants that are computed."""

MAX_COLUMNS = 2**14
"""Columns that blocks take; no table of PostgreSQL has a tenth of them."""

MAX_APART = 2**14
"""Lanes that are taken apart, each of which becomes blocks of its own."""

MAX_LANES = 2**16
"""Lanes of a tensor in blocks."""

MAX_LANES_TOTAL = 2**20
"""Lanes of all tensors in blocks."""

MAX_ARMS = 2**13
"""Lanes of all arms of which a number of the row chooses one."""

MAX_GROUPS = 2**12
"""Groups of lanes that are brought together, each by blocks of its own."""

MAX_TERMS = 2**22
"""Products of a matrix product between two tensors, and steps that are written out one by one."""

MAX_LEAF_VALUES = 2**25
"""Nodes of all trees, times the targets that they give values to."""
