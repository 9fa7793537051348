"""The job in scikit-learn."""

import warnings

from data import job
from sklearn.neural_network import MLPClassifier

warnings.filterwarnings("ignore", module="sklearn")  # that it has not converged
it = job()
network = MLPClassifier(
    it.hidden, batch_size=it.batch, max_iter=it.epochs, n_iter_no_change=it.epochs, alpha=0.0, random_state=0
)
network.fit(it.X, it.y)
it.report(network.predict(it.X_test))
