"""Synthetic Baduanjin: articulated kinematics, invented people, cameras and pose estimators."""

from data.synthetic.baduanjin import SyntheticSpec, generate
from data.synthetic.movements import LABELS

__all__ = ["LABELS", "SyntheticSpec", "generate"]
