"""Importers: from the files of pose estimators, sensors and archives to canonical sequences."""

from data.importers.clips.types import ImportOptions
from data.importers.clips.units import ImageSize
from data.importers.formats.registry import FORMATS
from data.importers.span_import import ImportProgress, ImportSummary, TooManyQuarantinedError, import_to_span
from data.quarantine import Quarantined

__all__ = [
    "FORMATS",
    "ImageSize",
    "ImportOptions",
    "ImportProgress",
    "ImportSummary",
    "Quarantined",
    "TooManyQuarantinedError",
    "import_to_span",
]
