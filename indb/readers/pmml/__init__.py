"""PMML files, versions 3.2 to 4.4: a model for each model element that blocks can say.

Source: the specification of the Data Mining Group, dmg.org/pmml; where that leaves something open, JPMML's evaluator.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from indb.errors import InvalidModel, ModelFileError, UnsupportedModel
from indb.ir import Model
from indb.readers.base import File, reads_files
from indb.readers.pmml import anomaly as _anomaly  # noqa: F401  registers its reader, as the next ones do
from indb.readers.pmml import clustering as _clustering  # noqa: F401
from indb.readers.pmml import gaussian_process as _gaussian_process  # noqa: F401
from indb.readers.pmml import general_regression as _general_regression  # noqa: F401
from indb.readers.pmml import mining as _mining  # noqa: F401
from indb.readers.pmml import naive_bayes as _naive_bayes  # noqa: F401
from indb.readers.pmml import nearest as _nearest  # noqa: F401
from indb.readers.pmml import neural as _neural  # noqa: F401
from indb.readers.pmml import regression as _regression  # noqa: F401
from indb.readers.pmml import rules as _rules  # noqa: F401
from indb.readers.pmml import scorecard as _scorecard  # noqa: F401
from indb.readers.pmml import tree as _tree  # noqa: F401
from indb.readers.pmml import vector_machine as _vector_machine  # noqa: F401
from indb.readers.pmml.document import parse
from indb.readers.pmml.files import read_document


@reads_files(".pmml", ".xml")
def read(file: File, columns: Sequence[str] | None) -> Model:
    """The model of a PMML file; an .xml file is one when its root says so.

    Raises: ModelFileError when it is no PMML; UnsupportedModel for an element or an attribute that is not read, naming
    it and its line.
    """
    root = parse(file.data, file.name)
    if root.name != "PMML":
        ending = Path(file.name).suffix.lower()
        raise ModelFileError(f"cannot load {file.name}: its root is <{root.name[:60]}>, a {ending} file needs <PMML>")
    try:
        return read_document(root, file.name, columns)
    except (ModelFileError, UnsupportedModel) as error:
        message = error.message.replace("cannot read <", f"cannot read {file.name}: <", 1)
        raise type(error)(message, error.hint) from error
    except RecursionError:
        raise UnsupportedModel(f"cannot read {file.name}: its expressions nest too deep") from None
    except InvalidModel as error:
        raise UnsupportedModel(
            f"cannot read {file.name}: {error.message.removeprefix('cannot use the model: ')}"
        ) from error
