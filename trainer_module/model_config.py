"""Settings of the network: one class for each model family."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from data.settings.config_section import ConfigSection

Stream = Literal["joints", "bones", "slow", "fast", "bones_slow", "bones_fast", "distances", "angles"]


class FamilyConfig(ConfigSection):
    """Base of the settings of every model family.

    Attributes:
        family: name of the family; each subclass narrows it to its own name, which is also the default.
    """

    family: str

    def for_teacher(self) -> Self:
        """Return the settings of a teacher, which reads windows that augmentation has already cropped."""
        return self


class _ResidualConfig(FamilyConfig):
    """Settings that families of residual temporal convolution blocks share."""

    stem: int = Field(24, ge=4, le=512, description="channels to which each input stream is reduced first")
    widths: tuple[int, ...] = Field((56, 56, 80), min_length=1, description="channels of each residual block")
    strides: tuple[int, ...] = Field((1, 2, 2), min_length=1, description="temporal stride of each residual block")
    kernel: int = Field(5, ge=1, le=31, description="length of a temporal convolution, in frames")
    dropout: float = Field(0.4, ge=0, lt=1, description="share of features dropped before the classifier")
    block_dropout: float = Field(0.1, ge=0, lt=1, description="share of whole channels dropped inside each block")

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if len(self.widths) != len(self.strides):
            raise ValueError(
                f"{len(self.widths)} widths but {len(self.strides)} strides: give one width and one stride per block"
            )
        return self


class TcnConfig(_ResidualConfig):
    """Settings of the temporal convolutional network, the default (`models/tcn.py`)."""

    family: Literal["tcn"] = "tcn"
    members: tuple[tuple[Stream, ...], ...] = Field(
        (("joints", "slow", "fast"), ("bones", "bones_slow", "bones_fast"), ("distances", "angles")),
        min_length=1,
        description="input streams of each member network; the logits of all members are averaged",
    )
    centre_crop: float = Field(
        1,
        gt=0.1,
        le=1,
        description="share of a window that is read outside training: its middle, stretched to full length",
    )

    def for_teacher(self) -> Self:
        """Return the settings of a teacher: the same network without the centre crop."""
        return self.model_copy(update={"centre_crop": 1})


class DdnetConfig(FamilyConfig):
    """Settings of DD-Net, the reference network (`models/ddnet.py`)."""

    family: Literal["ddnet"] = "ddnet"
    stem: int = Field(24, ge=4, le=512, description="number of filters; the authors use 16, 32 or 64")


class GraphConfig(_ResidualConfig):
    """Settings of the graph convolutional network (`models/skeleton_graph.py`)."""

    family: Literal["graph"] = "graph"


_Network = TcnConfig | DdnetConfig | GraphConfig

FAMILIES: dict[str, type[FamilyConfig]] = {
    config.model_fields["family"].default: config for config in get_args(_Network)
}
"""Settings class of each model family, by name."""


def _with_default_family(values: Any) -> Any:
    """Add the default family to settings that name none."""
    return {"family": "tcn", **values} if isinstance(values, dict) else values


ModelConfig = Annotated[_Network, Field(discriminator="family"), BeforeValidator(_with_default_family)]
"""Settings of one network; `family` decides which keys there are."""


def read_model_config(values: dict[str, Any]) -> ModelConfig:
    """Return the settings that a mapping of keys to values describes.

    Raises:
        ValidationError: the family is unknown, or a key is unknown to it or has a wrong value.
    """
    settings: ModelConfig = TypeAdapter(ModelConfig).validate_python(values)
    return settings
