"""The contract of a TFLite file: the input that it expects, the meaning of its output, and its origin.

The contract is stored as TFLite Metadata prescribe: in a ZIP archive after the model, which interpreters ignore.
`labels.txt` can be read with `unzip` and with TFLite's own tools; `contract.json` is the complete contract.
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from data.errors import InputError
from data.settings.json_text import parse_json
from data.text import plain_reason, shortened

if TYPE_CHECKING:  # the sandbox, which starts for each evaluation, needs neither sequences nor layouts
    from data.windows import WindowSpec

CONTRACT, LABELS = "contract.json", "labels.txt"
MAX_BYTES = 65_536
"""Maximum size of `contract.json` and of `labels.txt`; a larger one is rejected unread."""

_ARCHIVE_BYTES = 4 * MAX_BYTES
"""Number of bytes at the end of a TFLite file in which the archive is looked for."""

Text = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]

Layout = Annotated[str, Field(min_length=1, max_length=40_000, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
"""Name of a joint layout of the project, or definition of the user's own (`data.layouts.own`)."""


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("must not contain the same text twice")
    return names


Labels = Annotated[tuple[Text, ...], Field(min_length=2, max_length=10_000), AfterValidator(_unique)]
Joints = Annotated[tuple[Text, ...], Field(min_length=1, max_length=1000), AfterValidator(_unique)]
Channels = Annotated[tuple[Text, ...], Field(min_length=3, max_length=4), AfterValidator(_unique)]
FramesPerSecond = Annotated[float, Field(gt=0, le=240)]


class WindowShape(BaseModel):
    """How sequences are cut into windows; see `data.windows.WindowSpec`.

    Attributes:
        length: frames in a window.
        stride: frames from the start of a window to the start of the next.
        fit: `slide` for windows of a fixed frame rate, `stretch` for one window that covers the whole sequence.
    """

    model_config = ConfigDict(frozen=True)

    length: int = Field(ge=2, le=10_000)
    stride: int = Field(ge=1, lt=2**31)
    fit: Literal["slide", "stretch"]


class Contract(BaseModel):
    """Everything that a program needs to know to run a model.

    Attributes:
        name: name of the model.
        labels: labels of the classes; a label's position is the index of its probability.
        layout: name of the joint layout, or its definition if it is the user's own.
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

    name: Text
    labels: Labels
    layout: Layout
    joints: Joints
    channels: Channels
    fps: FramesPerSecond
    window: WindowShape
    normalisation: str
    schema_digest: str
    saved_model_digest: str

    @property
    def window_spec(self) -> WindowSpec:
        """Specification of the windows that the model was trained on."""
        from data.windows import WindowSpec

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
    from data.layouts import load_layout

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
        InputError: the contract cannot be read, or `labels.txt` next to it has other labels.
    """
    contract, labels = read_metadata(path)
    if contract and labels != contract.labels:
        raise _unreadable(path, f"{LABELS} has other labels than {CONTRACT}")
    return contract


def read_metadata(path: Path) -> tuple[Contract | None, tuple[str, ...] | None]:
    """Read the contract and the label file of a TFLite file; None for what it does not have.

    Raises:
        InputError: they cannot be read.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _ARCHIVE_BYTES))
        end = io.BytesIO(file.read(_ARCHIVE_BYTES))
    try:
        with zipfile.ZipFile(end) as archive:
            content, labels = _read_entry(archive, CONTRACT), _read_entry(archive, LABELS)
            return (
                None if content is None else Contract.model_validate(parse_json(content, MAX_BYTES)),
                None if labels is None else tuple(labels.decode().removesuffix("\n").split("\n")),
            )
    except zipfile.BadZipFile as error:
        if not zipfile.is_zipfile(end):
            return None, None
        raise _unreadable(path, error) from error
    except (ValidationError, ValueError, NotImplementedError, RuntimeError, OSError, EOFError, struct.error) as error:
        raise _unreadable(path, error) from error


def _read_entry(archive: zipfile.ZipFile, name: str) -> bytes | None:
    """Return the content of a file in an archive; None if there is no such file.

    Raises:
        ValueError: the file is there twice, is compressed, or is too large.
    """
    entries = [entry for entry in archive.infolist() if entry.filename == name]
    if not entries:
        return None
    if len(entries) > 1 or entries[0].compress_type != zipfile.ZIP_STORED or entries[0].file_size > MAX_BYTES:
        raise ValueError(f"{name} is there twice, is compressed, or has more than {MAX_BYTES} bytes")
    with archive.open(entries[0]) as file:
        return file.read(MAX_BYTES)


def _unreadable(path: Path, reason: Exception | str) -> InputError:
    what = shortened(plain_reason(reason) if isinstance(reason, Exception) else reason, 400)
    return InputError(f"the file's metadata cannot be read: {what}", str(path), "push or convert the model again")
