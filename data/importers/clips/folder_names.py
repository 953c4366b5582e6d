"""What the folders of a file say about it: its label, its split and its person."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from data.importers.clips.vocabulary import simplified
from data.splits import official_split

_PLACES = frozenset(
    (
        *("data", "dataset", "datasets", "raw", "rawdata", "input", "inputs", "output", "outputs", "out", "results"),
        *("json", "jsons", "csv", "csvs", "txt", "npy", "npz", "pkl", "h5", "bvh", "c3d", "files", "export", "exports"),
        *("keypoint", "keypoints", "kpts", "pose", "poses", "skeleton", "skeletons", "joints", "landmarks", "openpose"),
        *("runs", "mpdata", "videopose", "alphapose", "mediapipe", "mmpose", "yolo"),
        *("labels", "annotation", "annotations", "predictions", "preds", "images", "frames", "videos", "clips"),
    )
)
"""Simplified names of folders in which tools write, whatever is done in the recordings."""

_NUMBERED_PLACES = frozenset(("predict", "track", "exp"))
"""Folders that Ultralytics numbers: `predict2`."""

_NUMBERED_PERSON = re.compile(
    r"(?:(?P<word>subject|subj|sub|person|participant|user|actor|performer|patient|athlete)|[ps])[_\- ]?\d{1,4}",
    re.IGNORECASE,
)


@dataclass(slots=True)
class FolderFields:
    """The fields that folders state.

    Attributes:
        fields: label, split and subject, as far as folders state them.
        notes: note on each of the fields whose folder could mean something else.
    """

    fields: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def _take(self, name: str, folder: str, note: str) -> None:
        self.fields[name] = folder
        if note:
            self.notes[name] = note


def folder_fields(name: str) -> FolderFields:
    """Return what the folders of a file state.

    The nearest folder is the label, unless it is named like a split (`train`), a kind of file (`json`) or a person
    (`subject_01`): then the next one above it is.

    Args:
        name: path of the file below the imported folder.
    """
    found = FolderFields()
    above = list(reversed(PurePosixPath(name).parent.parts))
    while above:
        folder = above.pop(0)
        if official_split(folder):
            found._take("split", folder, f"the folder {folder!r} is taken as a split, not as a label")
        elif _is_place(folder):
            found.notes.setdefault("", f"the folder {folder!r} is not taken as a label, see --label and --pattern")
        elif "subject" not in found.fields and _is_person(
            folder, "label" in found.fields or any(map(_may_be_label, above))
        ):
            found._take("subject", folder, f"the folder {folder!r} is taken as a person, not as a label: see --pattern")
        elif "label" in found.fields:
            found.notes["label"] = f"the nearest folder is taken as the label, not {folder!r} above it: see --pattern"
        else:
            found._take("label", folder, "")
    return found


def label_folders(name: str) -> int:
    """Return the number of folders above a file that can be labels."""
    return sum(map(_may_be_label, PurePosixPath(name).parent.parts))


def _is_place(folder: str) -> bool:
    name = simplified(folder)
    return name in _PLACES or name.rstrip("0123456789") in _NUMBERED_PLACES


def _is_person(folder: str, labelled: bool) -> bool:
    """Return whether a folder is named like a person: `p1` can also be a label if no other folder is."""
    match = _NUMBERED_PERSON.fullmatch(folder)
    return match is not None and (labelled or bool(match["word"]))


def _may_be_label(folder: str) -> bool:
    """Return whether a folder may be a label."""
    return not official_split(folder) and not _is_place(folder) and not _NUMBERED_PERSON.fullmatch(folder)
