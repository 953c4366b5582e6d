import json

import numpy as np
import pytest

from data.importers import ImportOptions
from data.importers.clips.types import Note
from data.importers.discovery import find_sources
from data.importers.record_pipeline import Kept, process_source
from data.quarantine import Quarantined


@pytest.fixture
def poses():
    """Return a function that makes poses: float64 `[frames, joints, 3]`, pixels of a 640 x 480 image and scores."""

    def make(frames=4, joints=17, seed=0, left=200.0):
        rng = np.random.default_rng(seed)
        body = rng.uniform((left, 60, 0.3), (left + 150, 400, 1), (joints, 3))
        return body + rng.normal(0, (2, 2, 0), (frames, joints, 3))

    return make


@pytest.fixture
def take():
    """Return a function that imports files and returns (sequences, quarantined); repairs and notes in `take`."""

    def run(path, format_=None, **options):
        found, sources, _ = find_sources([path], format_)
        outcomes = [one for source in sources for one in process_source(found, source, ImportOptions(**options))]
        kept = [one for one in outcomes if isinstance(one, Kept)]
        run.repairs = (
            sum((one.repairs for one in kept), start=type(kept[0].repairs)() if kept else None) if kept else {}
        )
        run.format = found.name
        run.notes = [one.text for one in outcomes if isinstance(one, Note)]
        return [s for one in kept for s in one.sequences], [one for one in outcomes if isinstance(one, Quarantined)]

    return run


@pytest.fixture
def dump(tmp_path):
    """Return a function that writes JSON to a file."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write
