"""Models of statsmodels: results, families and links, formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf

from indb.runtime.asked import asked
from zoo import frames
from zoo.cases import THREADS, Fitted, add_fitted


def outputs(results: Any, rows: Any) -> dict[str, Any]:
    """What predict gives for rows of the table."""
    model = asked(results)
    if not hasattr(rows, "columns") and hasattr(model, "feature_names_in_"):
        table = pd.DataFrame(rows, columns=model.feature_names_in_, dtype=object)
        texts = [name for name in table if any(isinstance(value, str) for value in table[name])]
        rows = table.astype({name: float for name in table if name not in texts})
    return {"predict": model.predict(rows)}


def add(name: str, fit: Callable[[], Any], frame: Callable[[], pd.DataFrame]) -> None:
    """Add a case: what fits the model, and the frame that it was fitted on."""

    def fitted() -> Fitted:
        with catch_warnings(), THREADS.limit(limits=1):
            simplefilter("ignore")
            return fit(), frame()

    add_fitted(f"statsmodels_{name}", fitted, outputs=outputs)


def scaled() -> pd.DataFrame:
    """`numbers` in sizes that a linear predictor of an exponential can bear."""
    frame = frames.numbers()
    return (frame - frame.mean()) / frame.std()


def with_constant() -> pd.DataFrame:
    return sm.add_constant(scaled())


def amount() -> Any:
    return frames.signal()


def positive() -> Any:
    return np.exp(frames.signal() / 5.0)


def two() -> Any:
    return (frames.signal() > np.median(frames.signal())) ^ (np.arange(frames.N) % 7 == 0)


def counts() -> Any:
    return frames.numbers()["visits"].to_numpy()


# Linear models -------------------------------------------------------------------------------------------------------

add("ols", lambda: sm.OLS(amount(), with_constant()).fit(), scaled)
add("ols_raw", lambda: sm.OLS(amount(), frames.numbers()).fit(), frames.numbers)
add("ols_array", lambda: sm.OLS(amount(), sm.add_constant(scaled().to_numpy())).fit(),
    lambda: scaled().set_axis([f"x{place}" for place in range(4)], axis=1))  # fmt: skip
add("ols_appended", lambda: sm.OLS(amount(), sm.add_constant(scaled(), prepend=False)).fit(), scaled)
add("ols_robust_errors", lambda: sm.OLS(amount(), with_constant()).fit().get_robustcov_results(), scaled)
add("ols_regularised", lambda: sm.OLS(amount(), with_constant()).fit_regularized(alpha=0.5), scaled)
add("wls", lambda: sm.WLS(amount(), with_constant(), np.arange(1.0, 1.0 + frames.N)).fit(), scaled)
add("gls", lambda: sm.GLS(amount(), with_constant(), 2.0).fit(), scaled)
add("glsar", lambda: sm.GLSAR(amount(), with_constant(), 1).iterative_fit(2), scaled)
add("rlm", lambda: sm.RLM(amount(), with_constant()).fit(), scaled)
add("quantile", lambda: sm.QuantReg(amount(), with_constant()).fit(0.7), scaled)

# Families and links --------------------------------------------------------------------------------------------------

_links = sm.families.links
LINKS: dict[str, tuple[Any, Callable[[], Any]]] = {
    "gaussian": (sm.families.Gaussian(), amount),
    "gaussian_log": (sm.families.Gaussian(_links.Log()), positive),
    "gaussian_inverse": (sm.families.Gaussian(_links.InversePower()), positive),
    "binomial": (sm.families.Binomial(), two),
    "binomial_probit": (sm.families.Binomial(_links.Probit()), two),
    "binomial_cloglog": (sm.families.Binomial(_links.CLogLog()), two),
    "binomial_loglog": (sm.families.Binomial(_links.LogLog()), two),
    "poisson": (sm.families.Poisson(), counts),
    "poisson_sqrt": (sm.families.Poisson(_links.Sqrt()), counts),
    "gamma": (sm.families.Gamma(_links.InversePower()), positive),
    "gamma_log": (sm.families.Gamma(_links.Log()), positive),
    "negative_binomial": (sm.families.NegativeBinomial(alpha=0.5), counts),
    "tweedie": (sm.families.Tweedie(_links.Log(), 1.5), positive),
    "power_third": (sm.families.Gaussian(_links.Power(1.0 / 3.0), check_link=False), positive),
    "power_odd": (sm.families.Gaussian(_links.Power(0.7), check_link=False), positive),
    "power_odd_negative": (sm.families.Gaussian(_links.Power(-1.3), check_link=False), positive),
}


def glm(family: Any, target: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: sm.GLM(target(), with_constant(), family=family).fit(maxiter=5)


def with_parameters(model: Any, parameters: Any) -> Any:
    """Results of chosen parameters, for links whose fit needs more care than a test."""
    results = model.fit(maxiter=1)
    results.params[:] = parameters
    return results


for _name, (_family, _target) in LINKS.items():
    add(f"glm_{_name}", glm(_family, _target), scaled)
add("cauchy", glm(sm.families.Binomial(_links.Cauchy()), two), scaled)
add("glm_logc", lambda: with_parameters(
    sm.GLM(two(), with_constant(), family=sm.families.Binomial(_links.LogC())), [-3.0, 0.2, 0.1, -0.1, 0.3]),
    scaled)  # fmt: skip
add("glm_inverse_squared", lambda: with_parameters(
    sm.GLM(positive(), with_constant(), family=sm.families.InverseGaussian()), [0.5, 0.1, 0.1, -0.1, 0.02]),
    scaled)  # fmt: skip
add("glm_nbinom_link", lambda: with_parameters(
    sm.GLM(counts(), with_constant(), family=sm.families.NegativeBinomial(_links.NegativeBinomial(0.5), alpha=0.5)),
    [-3.0, 0.2, 0.1, -0.1, 0.3]), scaled)  # fmt: skip
add("glm_regularised", lambda: sm.GLM(two(), with_constant(), family=sm.families.Binomial()).fit_regularized(alpha=0.1),
    scaled)  # fmt: skip

# Discrete models -----------------------------------------------------------------------------------------------------

add("logit", lambda: sm.Logit(two(), with_constant()).fit(disp=0), scaled)
add("logit_l1", lambda: sm.Logit(two(), with_constant()).fit_regularized(alpha=5.0, disp=0), scaled)
add("probit", lambda: sm.Probit(two(), with_constant()).fit(disp=0), scaled)
add("mnlogit", lambda: sm.MNLogit(
    pd.Series(frames.TARGETS["texts3"](), dtype="category"), with_constant()).fit(disp=0, maxiter=4),
    scaled)  # fmt: skip
add("poisson", lambda: sm.Poisson(counts(), with_constant()).fit(disp=0), scaled)
add("negative_binomial", lambda: sm.NegativeBinomial(counts(), with_constant()).fit(disp=0, maxiter=9), scaled)
add("negative_binomial_p", lambda: sm.NegativeBinomialP(counts(), with_constant()).fit(disp=0, maxiter=9), scaled)
add("generalised_poisson", lambda: sm.GeneralizedPoisson(counts(), with_constant()).fit(disp=0, maxiter=9), scaled)

# Formulas ------------------------------------------------------------------------------------------------------------


def table() -> pd.DataFrame:
    """Numbers, texts with missing values, codes and booleans, and targets."""
    return frames.mixed().assign(amount=amount(), yes=two().astype(float), income=frames.numbers()["income"] / 1e4)


def wanted(*names: str) -> Callable[[], pd.DataFrame]:
    return lambda: table()[[name for name in table() if name in names]]


FORMULAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "numbers": ("amount ~ age + income + score", ("age", "income", "score")),
    "categories": ("amount ~ age + C(city) + plan + C(level)", ("age", "city", "plan", "level")),
    "no_intercept": ("amount ~ 0 + city + age", ("age", "city")),
    "booleans": ("amount ~ member + score", ("member", "score")),
    "reference": ("amount ~ C(city, Treatment('Rome')) + score", ("city", "score")),
    "sum_coding": ("amount ~ C(city, Sum) + C(level, Poly) + C(plan, Helmert)", ("city", "plan", "level")),
    "interactions": ("amount ~ age*C(city) + city:plan + age:score", ("age", "city", "plan", "score")),
    "functions": ("amount ~ np.log(income) + I(score**2) + np.sqrt(income)", ("income", "score")),
    "exponential": ("amount ~ np.exp(score/3) + np.absolute(-score)", ("score",)),
    "products": ("amount ~ I(age*score - 2*age) + income", ("age", "income", "score")),
    "powers": ("amount ~ I(score**3) + I(income**-2) + I(income**0.5) + I(-score)", ("income", "score")),
}
for _name, (_formula, _names) in FORMULAS.items():
    add(f"formula_{_name}", lambda text=_formula: smf.ols(text, table()).fit(), wanted(*_names))
add("formula_logit", lambda: smf.logit("yes ~ score*C(plan)", table()).fit(disp=0), wanted("plan", "score"))
add("formula_glm", lambda: smf.glm(
    "yes ~ score + C(city)", table(), family=sm.families.Binomial()).fit(), wanted("city", "score"))  # fmt: skip


def odd() -> pd.DataFrame:
    """Numbers under names that no expression can say."""
    return frames.odd_names()


add("formula_odd_names", lambda: smf.ols(
    f"amount ~ {' + '.join(f'Q({name!r})' for name in frames.ODD_NAMES)}", odd().assign(amount=amount())).fit(),
    odd)  # fmt: skip
