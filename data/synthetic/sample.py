"""The bundled sample: what `make run` trains on, so that a clone needs no download.

Run as `python -m data.synthetic.sample FOLDER` to make it again.
"""

import sys
from pathlib import Path

from data.store import write_span
from data.synthetic.baduanjin import SyntheticSpec, generate

SAMPLE_FOLDER = Path(__file__).parent.parent / "sample"
CLIPS = SyntheticSpec(subjects=24, repetitions=2, seed=0)
SESSIONS = SyntheticSpec(subjects=24, repetitions=0, sessions=3, seed=0)
"""Practice sessions of people whose clips are in the test split."""


def write_sample(folder: Path) -> tuple[Path, Path]:
    """Writes the sample.

    Args:
        folder: gets `span-1` with the clips, and `sessions/span-1` with whole sessions.

    Returns:
        The two spans.

    Raises:
        InputError: a span exists already or can't be written.
    """
    return write_span(folder, 1, generate(CLIPS)), write_span(folder / "sessions", 1, generate(SESSIONS))


if __name__ == "__main__":
    for span in write_sample(Path(sys.argv[1])):
        print(span)
