"""Synthetic Baduanjin: invented people perform the eight movements for simulated cameras and pose estimators."""

from data.synthetic.baduanjin import SyntheticSpec, generate
from data.synthetic.movements import LABELS

__all__ = ["LABELS", "SyntheticSpec", "generate"]
