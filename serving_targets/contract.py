"""The contract of a TFLite file: the input that it expects, the meaning of its output, and its origin.

The contract is stored as TFLite Metadata prescribe: in a ZIP archive after the model, which interpreters ignore.
`labels.txt` can be read with `unzip` and with TFLite's own tools; `contract.json` is the complete contract.
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
MAX_BYTES = 65_536
"""Maximum size of `contract.json`; a larger one is rejected unread."""


class WindowShape(BaseModel):
    """How sequences are cut into windows; see `data.windows.WindowSpec`.

    Attributes:
        length: frames in a window.
        stride: frames from the start of a window to the start of the next.
        fit: `slide` for windows of a fixed frame rate, `stretch` for one window that covers the whole sequence.
    """

    model_config = ConfigDict(frozen=True)

    length: int
    stride: int
    fit: Literal["slide", "stretch"]


class Contract(BaseModel):
    """Everything that a program needs to know to run a model.

    Attributes:
        name: name of the model.
        labels: labels of the classes; a label's position is the index of its probability.
        layout: name of the joint layout.
        joints: names of the joints, in the order of the input.
        channels: names of the values of a joint; the last is the confidence.
        fps: frames per second of a window, if `window.fit` is `slide`.
        window: how sequences are cut into windows.
        normalisation: version of the preprocessing in the model: the first 12 hexadecimal digits of the SHA-256 of its
            settings.
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
        """Specification of the windows that the model was trained on."""
        return WindowSpec(fps=self.fps, **self.window.model_dump())

    @property
    def window_shape(self) -> tuple[int, int, int]:
        """Shape `(T, J, C)` of a window."""
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
    """Create the contract of a model; see `Contract` for the arguments.

    Args:
        name: name of the model.
        labels: labels of the classes.
        layout: name of the joint layout.
        channels: number of values of a joint, 3 or 4.
        window: specification of the windows.
        normalisation: version of the preprocessing.
        schema_digest: SHA-256 of the curated schema.
        saved_model_digest: content digest of the SavedModel.
    """
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
    """Return the names of 3 (2-D) or 4 (3-D) channels."""
    return (*("x", "y", "z")[: count - 1], "confidence")


def with_contract(content: bytes, contract: Contract) -> bytes:
    """Return the content of a TFLite file with a contract appended; equal arguments give equal bytes."""
    file = io.BytesIO(content)
    with zipfile.ZipFile(
        file, "a"
    ) as archive:  # without compression, because TFLite's tools cannot read compressed entries
        archive.writestr(zipfile.ZipInfo(LABELS), "\n".join(contract.labels) + "\n")
        archive.writestr(zipfile.ZipInfo(CONTRACT), contract.model_dump_json())
    return file.getvalue()


def read_contract(path: Path) -> Contract | None:
    """Read the contract of a TFLite file; None if it has none.

    Raises:
        InputError: the contract cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(CONTRACT) as entry:
            content = entry.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
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
    return InputError(f"the file's metadata cannot be read: {error}", str(path), "push or convert the model again")
