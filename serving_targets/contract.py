"""What a TFLite file says of itself: how it wants its input, what its output means, what it was made of.

The file carries it as TFLite Metadata does: a zip archive behind the model, which interpreters do not look at. `unzip`
and TFLite's own tools read `labels.txt`; `contract.json` is all of it.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import InputError
from data.layouts import load_layout
from data.windows import WindowSpec

CONTRACT, LABELS = "contract.json", "labels.txt"
MOST_BYTES = 65_536
"""More than this is no contract."""


class WindowShape(BaseModel):
    """How sequences become windows; see `data.windows.WindowSpec`."""

    model_config = ConfigDict(frozen=True)

    length: int
    stride: int
    fit: Literal["slide", "stretch"]


class Contract(BaseModel):
    """What a model promises to whoever runs it.

    Attributes:
        name: of the model.
        labels: the classes; a label's position is the index of its probability.
        layout: name of the joint layout.
        joints: their names, in the order in which the model reads them.
        channels: what a joint consists of, the confidence last.
        fps: frames per second of a window (`slide`).
        window: how sequences are cut.
        normalisation: version of the preprocessing inside the model: 12 digits of the SHA-256 of its settings.
        schema_digest: SHA-256 of the curated schema.
        saved_model_digest: content digest of the SavedModel that the file was converted from.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    labels: tuple[str, ...] = Field(min_length=2)
    layout: str
    joints: tuple[str, ...]
    channels: tuple[str, ...] = Field(min_length=3, max_length=4)
    fps: float
    window: WindowShape
    normalisation: str
    schema_digest: str
    saved_model_digest: str

    @property
    def window_spec(self) -> WindowSpec:
        """The windows that the model was trained on."""
        return WindowSpec(fps=self.fps, **self.window.model_dump())

    @property
    def window_shape(self) -> tuple[int, int, int]:
        """`[T, J, C]` of one window."""
        return self.window.length, len(self.joints), len(self.channels)


def make_contract(
    *,
    name: str,
    labels: list[str],
    layout: str,
    channels: int,
    window: WindowSpec,
    normalisation: str,
    schema_digest: str,
    saved_model_digest: str,
) -> Contract:
    """The contract of a model on windows of a known layout; see `Contract`."""
    return Contract(
        name=name,
        labels=tuple(labels),
        layout=layout,
        joints=load_layout(layout).joints,
        channels=channel_names(channels),
        fps=window.fps,
        window=WindowShape(length=window.length, stride=window.stride, fit=window.fit),
        normalisation=normalisation,
        schema_digest=schema_digest,
        saved_model_digest=saved_model_digest,
    )


def channel_names(count: int) -> tuple[str, ...]:
    """Names of 3 (2-D) or 4 (3-D) channels."""
    return (*("x", "y", "z")[: count - 1], "confidence")


def with_contract(content: bytes, contract: Contract) -> bytes:
    """A file's content with its contract behind it, the same bytes every time."""
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:  # stored, not deflated: TFLite's tools read nothing else
        archive.writestr(zipfile.ZipInfo(LABELS), "\n".join(contract.labels) + "\n")
        archive.writestr(zipfile.ZipInfo(CONTRACT), contract.model_dump_json())
    return file.getvalue()


def read_contract(path: Path) -> Contract | None:
    """What a TFLite file says of itself; None if it says nothing.

    Raises:
        InputError: what it says can't be read.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(CONTRACT) as entry:
            content = entry.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES} bytes")
        return Contract.model_validate_json(content)
    except KeyError:
        return None
    except zipfile.BadZipFile as error:
        if not zipfile.is_zipfile(path):
            return None
        raise _unreadable(path, error) from error
    except (ValidationError, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"the file's metadata can't be read: {error}", str(path), "push or convert the model again")
