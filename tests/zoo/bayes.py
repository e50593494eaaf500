"""Naive Bayes and mixtures of normal distributions."""

from __future__ import annotations

from typing import Any

from sklearn import naive_bayes
from sklearn.covariance import EllipticEnvelope
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from zoo.cases import add


def codes(estimator: Any, given: Any) -> dict[str, Any]:
    """A code above those of training is an IndexError in the library, which any other refusal is not."""
    try:
        return {"predict": estimator.predict(given), "predict_proba": estimator.predict_proba(given)}
    except IndexError as error:
        raise ValueError(str(error)) from error


for _labels in ("texts2", "texts3"):
    add(f"gaussian_nb_{_labels}", naive_bayes.GaussianNB(), "numbers", _labels)
add(
    "gaussian_nb_priors",
    make_pipeline(StandardScaler(), naive_bayes.GaussianNB(priors=[0.2, 0.5, 0.3])),
    "numbers",
    "floats3",
)
add("gaussian_nb_smooth", naive_bayes.GaussianNB(var_smoothing=0.1), "integers", "odd_labels")
for _class in (naive_bayes.BernoulliNB, naive_bayes.MultinomialNB, naive_bayes.ComplementNB):
    _name = _class.__name__.lower()
    for _labels in ("texts2", "texts3"):
        add(f"{_name}_{_labels}", _class(), "counts", _labels)
    add(
        f"{_name}_one_hot",
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), _class(alpha=0.5)),
        "odd_texts",
        "ints3",
    )
    add(f"{_name}_uniform", _class(fit_prior=False), "counts", "bools")
add("bernoulli_median", naive_bayes.BernoulliNB(binarize=2.0), "counts", "texts3")
add("bernoulli_raw", naive_bayes.BernoulliNB(binarize=None, class_prior=[0.3, 0.3, 0.4]), "bits", "texts3")
add("complement_norm", naive_bayes.ComplementNB(norm=True), "counts", "texts3")
add("categorical_nb", naive_bayes.CategoricalNB(), "counts", "texts3", outputs=codes)
add("categorical_nb_two", naive_bayes.CategoricalNB(min_categories=12, alpha=0.1), "counts", "bools", outputs=codes)
_encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
add(
    "categorical_nb_encoded",
    make_pipeline(_encoder, naive_bayes.CategoricalNB(fit_prior=False)),
    *("odd_texts", "texts2"),
    outputs=codes,
)

for _kind in ("full", "tied", "diag", "spherical"):
    _mixture = GaussianMixture(3, covariance_type=_kind, random_state=0)
    add(f"mixture_{_kind}", _mixture, "numbers", None)
    _bayesian = BayesianGaussianMixture(n_components=3, covariance_type=_kind, random_state=0, max_iter=20)
    add(f"mixture_scaled_{_kind}", make_pipeline(StandardScaler(), _mixture), "numbers", None)
    add(f"bayesian_{_kind}", make_pipeline(StandardScaler(), _bayesian), "numbers", None)
add(
    "bayesian_dirichlet",
    BayesianGaussianMixture(
        n_components=3, weight_concentration_prior_type="dirichlet_distribution", random_state=0, max_iter=20
    ),
    *("numbers", None),
)
add("envelope", EllipticEnvelope(random_state=0), "numbers", None)
add(
    "envelope_centred",
    EllipticEnvelope(assume_centered=True, store_precision=False, contamination=0.3, random_state=0),
    "numbers",
    None,
)
