"""The bundled sample, on which `make run` trains, so that a clone needs no download.

Run `python -m data.synthetic.sample FOLDER` to make it again.
"""

import sys
from pathlib import Path

from data.store import write_span
from data.synthetic.baduanjin import SyntheticSpec, generate
from data.text import say

SAMPLE_FOLDER = Path(__file__).parent.parent / "sample"
"""Data folder of the bundled sample."""

CLIPS = SyntheticSpec(subjects=24, repetitions=2, seed=0)
"""Specification of the clips."""

SESSIONS = SyntheticSpec(subjects=24, repetitions=0, sessions=3, seed=0)
"""Specification of the practice sessions, by people whose clips are in the test split."""


def write_sample(folder: Path) -> tuple[Path, Path]:
    """Write the sample: `span-1` with clips, and `sessions/span-1` with whole sessions.

    Args:
        folder: folder of the sample.

    Returns:
        The folders of the two spans.

    Raises:
        InputError: if a span exists already or cannot be written.
    """
    return write_span(folder, 1, generate(CLIPS)), write_span(folder / "sessions", 1, generate(SESSIONS))


if __name__ == "__main__":
    for span in write_sample(Path(sys.argv[1])):
        say(span)
