"""From what real tools write to canonical sequences."""

from data.importers.base import ImportOptions, Quarantined
from data.importers.npz import import_npz
from data.importers.run import FORMATS, ImportSummary, import_to_span

__all__ = ["FORMATS", "ImportOptions", "ImportSummary", "Quarantined", "import_npz", "import_to_span"]
