"""What it costs to know of pictures."""

from __future__ import annotations

import subprocess
import sys


def test_matplotlib_is_loaded_by_the_first_picture_and_scikit_learn_by_none() -> None:
    script = """
import sys, numpy as np
from nncli.plots import calibration, confusion, first_layer, intervals, ranking, regions, residuals
before = 'matplotlib' in sys.modules
truth, scores = np.array([[0], [1]]), np.array([[0.2], [0.9]])
ranking.draw_roc(truth, scores, ['a'], 'test')
calibration.draw_calibration(scores[:, 0], truth[:, 0], 'of a', 'test')
residuals.draw_predicted(truth, scores, ['a'], 'test')
print(before, 'matplotlib.figure' in sys.modules, 'matplotlib.pyplot' in sys.modules, 'sklearn' in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "False True False False\n"
