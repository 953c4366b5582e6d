"""Configuration of the model and of its training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Stream = Literal["joints", "bones", "slow", "fast", "bones_slow", "bones_fast", "distances", "angles"]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelConfig(_Section):
    """The network."""

    family: Literal["tcn", "ddnet", "graph"] = Field(
        "tcn",
        description="temporal convolutions of several streams; the DD-Net reference; graph convolutions",
    )
    members: tuple[tuple[Stream, ...], ...] = Field(
        (("joints", "slow", "fast"), ("bones", "bones_slow", "bones_fast"), ("distances", "angles")),
        min_length=1,
        description="streams of each member; within a member they are fused early, members are fused late",
    )
    stem: int = Field(24, ge=4, le=512, description="channels that each stream is first reduced to")
    widths: tuple[int, ...] = Field((56, 56, 80), min_length=1, description="channels of each residual block")
    strides: tuple[int, ...] = Field((1, 2, 2), min_length=1, description="temporal stride of each residual block")
    kernel: int = Field(5, ge=1, le=31, description="frames that a temporal convolution sees")
    centre_crop: float = Field(
        1, gt=0.1, le=1, description="middle share of a window that is judged, stretched to the whole (tcn)"
    )
    dropout: float = Field(0.4, ge=0, lt=1, description="before the classifier")
    block_dropout: float = Field(0.1, ge=0, lt=1, description="of whole channels inside each block")

    @model_validator(mode="after")
    def _same_length(self) -> ModelConfig:
        if len(self.widths) != len(self.strides):
            raise ValueError(f"{len(self.widths)} widths but {len(self.strides)} strides: give one of each a block")
        return self


class AugmentationConfig(_Section):
    """Random changes of training windows. Lengths are in torso lengths, angles in radians."""

    mirror: Probability = Field(0.5, description="share of windows that are mirrored, left and right swapped")
    exchange: Probability = Field(0, description="share of resting limbs taken from other windows where they rest")
    crop: float = Field(0.3, ge=0, lt=1, description="largest share of a window that is cut off, the rest stretched")
    warp: float = Field(0.6, ge=0, lt=1, description="largest relative change of speed inside a window")
    yaw: float = Field(0.5, ge=0, le=3.1416, description="largest turn about the vertical (3-D)")
    tilt: float = Field(0.15, ge=0, le=3.1416, description="largest turn about the other axes, or in the image plane")
    scale: float = Field(0.1, ge=0, le=1, description="deviation of the logarithm of the person's size")
    stretch: float = Field(0.05, ge=0, le=1, description="deviation of the logarithm of the size along each axis")
    bones: float = Field(0.08, ge=0, le=1, description="relative deviation of the length of each bone")
    jitter: float = Field(0.02, ge=0, le=1, description="largest deviation of each coordinate in each frame")
    offset: float = Field(0.03, ge=0, le=1, description="largest deviation of each joint over a whole window")
    joint_dropout: Probability = Field(0.1, description="largest share of joints hidden for a while, then imputed")
    mixing: float = Field(0.2, ge=0, le=10, description="alpha of mixup; 0 mixes nothing")


class TrainingConfig(_Section):
    """How the network is trained."""

    epochs: int = Field(100, ge=1, le=100_000)
    batch_size: int = Field(64, ge=1, le=65_536)
    learning_rate: float = Field(3e-3, gt=0, le=1, description="at its peak; warmed up, then a cosine down to 0")
    warmup_epochs: float = Field(5, ge=0)
    weight_decay: float = Field(0.02, ge=0, le=1)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    class_weights: bool = Field(True, description="weigh classes by the inverse of their frequency")
    teacher: Probability = Field(
        0, description="share of the target that networks of the same kind tell, trained first; 0 trains none"
    )
    ema: float = Field(0.99, ge=0, lt=1, description="momentum of the averaged weights that are exported")
    target: float | None = Field(None, gt=0, le=1, description="stop at this accuracy on the eval split")
    patience: int | None = Field(None, ge=1, description="stop after so many epochs without a better eval accuracy")
    warm_start: bool = Field(
        False, description="start from the weights of the last model that was blessed before this data came"
    )
    jit_compile: bool = Field(True, description="compile the training step with XLA: slow to start, then faster")
    seed: int = Field(7, ge=0)
    augmentation: AugmentationConfig = AugmentationConfig()
