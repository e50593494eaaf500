"""Libraries in versions that indb is not tested with: one warning, and the model is read all the same."""

import sys
import warnings

import pytest

from indb.errors import UntestedVersion
from indb.readers import versions


@pytest.mark.parametrize("version", ["1.5.2", "1.8.0", "1.10.0", "2.0rc1"])
def test_an_untested_version_warns_once(version: str) -> None:
    versions.check.cache_clear()
    with pytest.warns(UntestedVersion, match=rf"sklearn {version} is not among .* \(1\.9\)"):
        versions.check("sklearn", version)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        versions.check("sklearn", version)


@pytest.mark.parametrize(
    ("package", "version"), [("sklearn", "1.9.0"), ("sklearn", "1.9.1"), ("other", "0.1"), ("sklearn", "")]
)
def test_a_tested_version_does_not(package: str, version: str) -> None:
    versions.check.cache_clear()
    versions.check(package, version)


def test_read_looks_at_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import LinearRegression

    import indb

    versions.check.cache_clear()
    fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    monkeypatch.setattr(sys.modules["sklearn"], "__version__", "0.24.2")
    with pytest.warns(UntestedVersion, match="sklearn 0.24.2"):
        assert indb.read(fitted).source["version"] == "0.24.2"
    versions.check.cache_clear()
