# ruff: noqa: F401
"""Imports of seconds that every page but the first needs somewhere.

They stand in one module, so that a visitor who needs one of them waits for whoever is importing them: two threads that
import parts of scipy and scikit-learn from different ends may see half-made modules.
"""

import matplotlib.figure
import scipy.cluster.hierarchy
import scipy.ndimage
import scipy.stats
import sklearn.cluster
import sklearn.decomposition
import sklearn.linear_model
