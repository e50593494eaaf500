"""PMML models that no other program reads, against formulas; and what a broken file of each kind is refused with."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import indb
from indb.errors import ModelFileError, UnsupportedModel
from indb.evaluate import evaluate

DATA = Path(__file__).parent / "data" / "pmml"
ROWS = {"a": [0.5, 2.2, 7.0, None, -3.0], "b": [1.0, 3.0, 0.25, 2.0, None]}
POINTS = np.array([[0.5, 1], [2, 3], [4, 1], [6.5, 2.5], [3, 7]])
TARGET = np.array([1.5, 2.25, -1, 0.5, 3.75])


def predicted(name):
    return evaluate(indb.read(DATA / f"{name}.pmml"), ROWS)[""]["predict"][:, 0]


@pytest.mark.parametrize(
    ("name", "gamma", "noise", "distance"),
    [
        ("radial", 2.5, 0.01, lambda d: (d**2).sum(-1) / (2 * 1.75**2)),
        ("squared", 2.489, 0.011, lambda d: ((d / [1.5164, 3.25]) ** 2).sum(-1) / 2),
        ("absolute", 1.5, 0.1, lambda d: (np.abs(d) / [2, 3]).sum(-1)),
        ("generalized", 1.5, 0.05, lambda d: ((np.abs(d) / 2) ** 1.5).sum(-1)),
    ],
)
def test_a_gaussian_process_is_its_mean(name, gamma, noise, distance):
    own = gamma * np.exp(-distance(POINTS[:, None] - POINTS[None]))
    weights = np.linalg.solve(own + noise * np.eye(len(POINTS)), TARGET)
    x = np.array([ROWS["a"], ROWS["b"]], dtype=float).T
    wanted = gamma * np.exp(-distance(x[:, None] - POINTS[None])) @ weights
    np.testing.assert_allclose(predicted(f"gaussian_{name}"), wanted, rtol=1e-12)


def test_an_isolation_forest_is_between_0_and_1():
    lengths = np.array([1.25 + 6.5 + 8.75, 1.25 + 6.5 + 8.75, 7 + 3 + 8.75]) / 3
    usual = 2 * (math.log(63) + 0.57721566) - 2 * 63 / 64
    np.testing.assert_allclose(predicted("anomaly_forest")[:3], 2 ** (-lengths / usual), rtol=1e-12)
    assert np.isnan(predicted("anomaly_forest")[3:]).all()


def test_a_row_with_an_infinite_number_has_no_score_where_a_model_computes_with_it():
    rows = {"a": [math.inf, 1.0], "b": [1.0, -math.inf]}
    for name in ("clusters_weighted", "vectors_regression", "neural_identity", "neighbours_average_3"):
        model = indb.read(DATA / f"{name}.pmml")
        known = {column.name: rows.get(column.name, [1.0, 1.0]) for column in model.columns}
        assert np.isnan(evaluate(model, known)[""]["predict"]).all(), name


@pytest.mark.parametrize(
    ("name", "old", "new", "why"),
    [
        ("clusters_weighted", 'modelClass="centerBased"', 'modelClass="distributionBased"', "'distributionBased'"),
        ("clusters_weighted", 'numberOfClusters="4"', 'numberOfClusters="5"', "it has 4 clusters"),
        ("clusters_weighted", '<Array n="3" type="real">1 2 3', '<Array n="3" type="real">1 2', "n says 3"),
        ("clusters_weighted", '<Array n="3" type="real">1 2 3', '<Array n="2" type="real">1 2', "needed 3"),
        ("clusters_weighted", 'id="c1"', 'id="c0"', "identifiers of clusters"),
        ("clusters_compared", ' similarityScale="1.5"', "", "needs a similarityScale"),
        ("clusters_jaccard", 'kind="similarity"', 'kind="distance"', "kind='distance' with <jaccard>"),
        ("naive_bayes_counts", 'count="144"', 'count="-144"', "its count is -144"),
        ("naive_bayes_counts", 'fieldName="amount"', 'fieldName="home"', "is not the target"),
        ("naive_bayes_poisson", 'mean="2.5"', 'mean="0"', "its mean is 0"),
        ("vectors_cycle", '<SupportVector vectorId="v1"/>', '<SupportVector vectorId="v9"/>', "no vector 'v9'"),
        ("vectors_cycle", 'numberOfCoefficients="1"', 'numberOfCoefficients="2"', "declared 2"),
        ("vectors_binary", "<Indices>1 2</Indices>", "<Indices>1 9</Indices>", "the index 9"),
        ("vectors_cycle", "<LinearKernelType/>", '<LinearKernelType gamma="2"/>', "attribute gamma='2' is not read"),
        ("neural_identity", 'from="n1"', 'from="out"', "no neuron 'out' before it"),
        ("neural_identity", 'activationFunction="identity" t', 'activationFunction="mystery" t', "'mystery'"),
        ("neural_identity", 'outputNeuron="out"', 'outputNeuron="none"', "no neuron 'none'"),
        ("neighbours_average_3", 'numberOfNeighbors="3"', 'numberOfNeighbors="30"', "of 8 training rows"),
        ("neighbours_average_3", "<c0>0</c0>", "<c0></c0>", "has no c0"),
        ("neighbours_average_3", "<c0>0</c0>", "<c0>zero</c0>", "needed a number"),
        ("gaussian_squared", 'gamma="2.489"', 'gamma="-1"', "gamma=-1"),
        ("gaussian_squared", ">1.5164 3.25<", ">1.5164 0<", "needed 2 above 0"),
        ("anomaly_forest", ' sampleDataSize="64"', "", "has no sampleDataSize"),
        ("anomaly_clusters", "1.5 0.75", "1.5 0", "not above 0"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, name, old, new, why):
    text = (DATA / f"{name}.pmml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "broken.pmml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises((ModelFileError, UnsupportedModel), match=why):
        indb.read(path)
