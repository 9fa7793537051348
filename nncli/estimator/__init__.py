"""The networks of nncli as scikit-learn estimators.

``parameters`` is the way from an estimator's parameters to a config, and back for what is to be said of it; ``rows``
that from arrays to a table; ``fitted`` trains, and is what an estimator has learned, ``ensemble`` the same of several
networks; ``runs`` goes to a run directory and back; ``screen`` tells of a training; ``base``, ``classifier`` and
``regressor`` are what scikit-learn sees of it.
"""

from nncli.estimator.classifier import MLPClassifier
from nncli.estimator.regressor import MLPRegressor
from nncli.estimator.runs import from_run

__all__ = ["MLPClassifier", "MLPRegressor", "from_run"]
