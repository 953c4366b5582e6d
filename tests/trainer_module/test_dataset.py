"""The batches of a training."""

import numpy as np

from data.layouts import load_layout
from trainer_module.dataset import Windows, training_batches
from trainer_module.training_config import TrainingConfig

LAYOUT = load_layout("coco17")


def test_the_batches_hold_no_training_up_when_it_ends() -> None:
    windows = Windows(np.zeros((8, 16, len(LAYOUT.joints), 2), np.float32), np.zeros(8, np.int64))
    batches = training_batches(windows, ["only"], LAYOUT, TrainingConfig(batch_size=4, epochs=2))
    assert len(list(batches)) == 4
    # With it, TensorFlow waits for the end of a pause of up to a minute when the last batch has been used.
    assert batches.options().autotune.enabled is False
