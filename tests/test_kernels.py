"""Readers of kernel methods: what the zoo does not show."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVC, OneClassSVM

from indb import build
from indb.errors import UnsupportedModel
from indb.evaluate import decode, evaluate
from indb.ir import Block, Column, Model, Target
from indb.readers import read
from indb.readers.base import Frame, Reading, read_step
from indb.readers.sklearn.svm import LEAST, SETTLED, coupled

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(60, 2))


def value(block: Block, **columns: Any) -> Any:
    inputs = tuple(Column(name) for name in columns)
    return evaluate(Model(inputs, (Target("", {"predict": block}),)), columns)[""]["predict"][:, 0]


def steps(r: float) -> tuple[float, int]:
    """The first of two probabilities as libsvm couples them, and in how many steps. Source: multiclass_probability."""
    pairs = {(0, 1): r, (1, 0): 1.0 - r}
    q = {(0, 0): pairs[1, 0] ** 2, (1, 1): pairs[0, 1] ** 2, (0, 1): -pairs[1, 0] * pairs[0, 1]}
    q[1, 0] = q[0, 1]
    p = [0.5, 0.5]
    for step in range(100):
        products = [q[t, 0] * p[0] + q[t, 1] * p[1] for t in (0, 1)]
        whole = p[0] * products[0] + p[1] * products[1]
        if max(abs(each - whole) for each in products) < SETTLED:
            return p[0], step
        for t in (0, 1):
            change = (whole - products[t]) / q[t, t]
            p[t] += change
            whole = (whole + change * (change * q[t, t] + 2.0 * products[t])) / (1.0 + change) ** 2
            products = [(products[j] + change * q[t, j]) / (1.0 + change) for j in (0, 1)]
            p = [each / (1.0 + change) for each in p]
    raise AssertionError("it does not end")


def test_two_classes_are_coupled_as_libsvm_does() -> None:
    column = Column("r")
    r = np.concatenate([np.linspace(LEAST, 1.0 - LEAST, 3001), 10.0 ** -np.linspace(0.3, 7.0, 500)])
    r = np.unique(np.concatenate([r, 1.0 - r]))
    wanted, taken = np.array([steps(each) for each in r.tolist()]).T
    found = evaluate(Model((column,), (Target("", {"predict": coupled(column)}),)), {"r": r})[""]["predict"][:, 0]
    assert taken.max() == 2
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kernel", [lambda a, b: a @ b.T, "precomputed"])
def test_a_kernel_without_a_formula_is_not_read(kernel: Any) -> None:
    given = X if callable(kernel) else X @ X.T
    machine = SVC(kernel=kernel).fit(given, X[:, 0] > 0)
    why = "a function" if callable(kernel) else "precomputed"
    frame = Frame(("a", "b"), (Column("a"), Column("b")))
    with pytest.raises(UnsupportedModel, match=f"its kernel is {why}, needed linear, poly"):
        read_step(machine, frame, Reading(("a", "b")))


def test_probabilities_of_more_classes_are_left_to_libsvm() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        machine = SVC(probability=True, random_state=0).fit(X, np.arange(60) % 3)
    model = read(machine)
    assert model.is_foreign
    assert "it gives probabilities of 3 classes" in model.source["reason"]


def test_ties_of_shapes_that_scikit_learn_refuses_are_not_read() -> None:
    machine = SVC(break_ties=True, decision_function_shape="ovo").fit(X, np.arange(60) % 3)
    with pytest.raises(UnsupportedModel, match="break_ties and the shape 'ovo'"):
        read(machine)


def test_a_margin_of_zero_is_for_the_class_that_libsvm_takes() -> None:
    two = SVC(gamma=1.0).fit([[-1.0], [1.0]], ["left", "right"])
    rows = np.array([[-0.5], [0.0], [0.5]])
    found = evaluate(read(two), {"x0": rows[:, 0]})[""]
    assert found["decision_function"][1, 0] == 0.0
    assert decode(("left", "right"), found["predict"]) == two.predict(rows).tolist()
    four = SVC(kernel="linear", C=1.0).fit([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [0, 1, 2, 3])
    points = np.array([[a, b] for a in (-1.0, -0.5, 0.0, 0.5, 1.0) for b in (-1.0, -0.5, 0.0, 0.5, 1.0)])
    found = evaluate(read(four), {"x0": points[:, 0], "x1": points[:, 1]})[""]
    np.testing.assert_array_equal(found["predict"][:, 0], four.predict(points))
    np.testing.assert_array_equal(found["decision_function"], four.decision_function(points))


def test_an_outlier_is_what_is_not_above_zero() -> None:
    machine = OneClassSVM(kernel="linear", nu=0.5).fit(X)
    found = evaluate(read(machine), {"x0": X[:, 0], "x1": X[:, 1]})[""]
    np.testing.assert_array_equal(decode((-1, 1), found["predict"]), machine.predict(X))


def test_a_power_of_nothing_is_one() -> None:
    assert value(build.power(Column("x"), 0), x=[math.inf, 2.0]).tolist() == [1.0, 1.0]
