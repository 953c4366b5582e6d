"""Arrow and row-by-row reading give the same table, wherever the text is cut into blocks."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.importers.readers import table_rows
from data.layouts import load_layout

COCO = load_layout("coco17").joints

CELLS = st.sampled_from(["1.5", "-0.25", "", "nan", "1e-3", "700", "inf"])
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=5).map(
    "n{}".format
)


@st.composite
def tables(draw):
    """Return rows of a wide table of three sequences; some are malformed."""
    table = []
    for name in draw(st.lists(NAMES, min_size=3, max_size=3, unique=True)):
        for frame in range(draw(st.integers(1, 8))):
            table.append([name, "walk, then sit", str(frame), *draw(st.lists(CELLS, min_size=3, max_size=3)) * 17])
    spoilt = draw(st.sampled_from(["nothing", "a short row", "no number", "an empty row", "a long row"]))
    row = table[draw(st.integers(0, len(table) - 1))]
    match spoilt:
        case "a short row":
            del row[9:]
        case "no number":
            row[7] = "left"
        case "an empty row":
            row[:] = [""] * len(row)
        case "a long row":
            row.append("more")
    return table


@settings(max_examples=60, deadline=None, derandomize=True)
@given(table=tables(), delimiter=st.sampled_from(",;\t"), quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_blocks_and_arrow_change_nothing(tmp_path_factory, take_raw, table, delimiter, quoting):
    path = tmp_path_factory.getbasetemp() / "x.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
        writer.writerow(["sequence", "label", "frame", *(f"{name}_{axis}" for name in COCO for axis in "xyc")])
        writer.writerows(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_rows, "_by_arrow", refuse)
        expected = take_raw(path)
    assert take_raw(path) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_rows, "BLOCK_CHARS", 300)
        assert take_raw(path) == expected
    assert len(expected) >= len({row[0] for row in table} - {""})


def refuse(*_):
    raise table_rows.pa.ArrowInvalid("")


@pytest.fixture(scope="module")
def take_raw():
    """Read a table and return all that is known of each clip, as text, so that nan equals nan."""
    from data.importers import ImportOptions
    from data.importers.clips.types import RawClip, Source
    from data.importers.formats import csv_table

    def read(path):
        found = csv_table.read(Source((path,), "x"), ImportOptions())
        return [
            f"{one.name} {one.fields} {one.times} {np.array2string(one.poses, threshold=99999)}"
            if isinstance(one, RawClip)
            else f"{one.sequence_id}: {one.detail}"
            for one in found
        ]

    return read


def test_a_quotation_mark_that_is_never_closed_costs_no_more_than_its_file(tmp_path, take):
    path = tmp_path / "x.csv"
    header = ",".join(["frame", *(f"{name}_{axis}" for name in COCO for axis in "xyc")])
    line = ",".join(["1.5,2.5,1"] * 17)
    path.write_text("\n".join([header, f'0,"{line}', *(f"{n},{line}" for n in range(1, 40_000))]))
    sequences, (refused,) = take(path)
    assert not sequences
    assert refused.reason.startswith("the file is not valid CSV")
