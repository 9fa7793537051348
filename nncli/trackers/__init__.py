"""What tells a training to the trackers that people use: TensorBoard and MLflow, each in a file of its own.

A tracker only looks on. One that fails ends no training: that is said once, and the training goes on without it. Their
packages are loaded by a training that asks for them, and by no other.
"""

from nncli.trackers.tracking import Tracking, require, tracked

__all__ = ["Tracking", "require", "tracked"]
