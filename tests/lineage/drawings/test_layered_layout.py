import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.drawings.layered_layout import place

SIZE = (100.0, 40.0)


def overlaps(layout):
    return [
        (one, other)
        for (one, (x1, y1)), (other, (x2, y2)) in itertools.combinations(layout.centres.items(), 2)
        if abs(x1 - x2) < SIZE[0] - 0.01 and abs(y1 - y2) < SIZE[1] - 0.01
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=80))
@settings(max_examples=60, deadline=None)
def test_edges_point_down_boxes_stand_apart_and_all_is_inside(pairs):
    edges = [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]
    layout = place(dict.fromkeys(range(31), SIZE), edges)
    assert not overlaps(layout)
    for source, target in edges:
        points = [layout.centres[source], *layout.corners[source, target], layout.centres[target]]
        heights = [y for _, y in points]
        assert heights == sorted(heights)
        assert heights[0] < heights[-1]
    for x, y in [*layout.centres.values(), *itertools.chain(*layout.corners.values())]:
        assert -0.01 <= x <= layout.width + 0.01
        assert -0.01 <= y <= layout.height + 0.01


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_graphs_with_cycles_are_laid_out(pairs):
    layout = place(dict.fromkeys(range(13), SIZE), pairs)
    assert len(layout.centres) == 13
    assert not overlaps(layout)


def test_a_tree_has_no_crossings_and_parents_stand_over_their_children():
    edges = [(parent, 2 * parent + side) for parent in range(1, 8) for side in (0, 1)]
    layout = place(dict.fromkeys(range(1, 16), SIZE), edges)
    for parent in range(1, 8):
        left, right = layout.centres[2 * parent][0], layout.centres[2 * parent + 1][0]
        assert min(left, right) < layout.centres[parent][0] < max(left, right)


def test_a_crowded_layer_is_put_in_rows():
    layout = place(dict.fromkeys(range(301), SIZE), [(0, number) for number in range(1, 301)])
    assert not overlaps(layout)
    assert layout.width < 30 * 120
    assert len({y for _, y in layout.centres.values()}) > 10


def test_a_single_box_and_an_empty_graph_are_laid_out():
    assert place({"a": SIZE}, []).centres == {"a": (50.0, 20.0)}
    assert place({}, []).centres == {}
