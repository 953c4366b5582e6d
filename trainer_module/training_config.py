"""Settings of training and of augmentation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from data.settings.config_section import ConfigSection

Probability = Annotated[float, Field(ge=0, le=1)]


class AugmentationConfig(ConfigSection):
    """Strength of each random change of training windows. Lengths are in torso lengths, angles in radians."""

    mirror: Probability = Field(0.5, description="share of windows that are mirrored, left and right swapped")
    exchange: Probability = Field(
        0, description="share of resting limbs that are replaced by the same limb of another window where it rests too"
    )
    crop: float = Field(
        0.3, ge=0, lt=1, description="largest share of a window that is cut off; the rest is stretched to full length"
    )
    warp: float = Field(0.6, ge=0, lt=1, description="largest relative change of speed within a window")
    yaw: float = Field(0.5, ge=0, le=3.1416, description="largest rotation about the vertical axis (3-D poses only)")
    tilt: float = Field(
        0.15, ge=0, le=3.1416, description="largest rotation about the other axes, or in the image plane of 2-D poses"
    )
    scale: float = Field(0.1, ge=0, le=1, description="standard deviation of the logarithm of the person's size")
    stretch: float = Field(0.05, ge=0, le=1, description="standard deviation of the logarithm of the size per axis")
    bones: float = Field(0.08, ge=0, le=1, description="relative standard deviation of the length of each bone")
    jitter: float = Field(
        0.02, ge=0, le=1, description="largest standard deviation of the noise added to each coordinate in each frame"
    )
    offset: float = Field(
        0.03, ge=0, le=1, description="largest standard deviation of the shift of each joint over a whole window"
    )
    joint_dropout: Probability = Field(
        0.1, description="largest share of joints that are hidden for some frames, then imputed"
    )
    mixing: float = Field(0.2, ge=0, le=10, description="alpha of mixup; 0 turns mixup off")


class TrainingConfig(ConfigSection):
    """Settings of the training of one network."""

    epochs: int = Field(100, ge=1, le=100_000)
    batch_size: int = Field(64, ge=1, le=65_536)
    learning_rate: float = Field(3e-3, gt=0, le=1, description="peak of the schedule: linear warm-up, then cosine to 0")
    warmup_epochs: float = Field(5, ge=0)
    weight_decay: float = Field(0.02, ge=0, le=1)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    class_weights: bool = Field(True, description="weight classes by the inverse of their frequency")
    teacher: Probability = Field(
        0, description="share of the target that is the mean prediction of two teachers, trained beforehand; 0: none"
    )
    ema: float = Field(0.99, ge=0, lt=1, description="momentum of the averaged weights that are exported")
    target: float | None = Field(None, gt=0, le=1, description="stop at this accuracy on the eval split")
    patience: int | None = Field(
        None, ge=1, description="stop after this many epochs without a better accuracy on the eval split"
    )
    warm_start: bool = Field(
        False,
        description="start from the weights of the last model that was blessed before this run's examples were made",
    )
    jit_compile: bool = Field(True, description="compile the training step with XLA: slower to start, then faster")
    seed: int = Field(7, ge=0, le=2**31 - 1)
    augmentation: AugmentationConfig = AugmentationConfig()
