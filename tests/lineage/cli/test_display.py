"""Every type of answer has a table, and the table shows what an auditor needs."""

import importlib
import pkgutil

import pytest

from lineage import questions
from lineage.cli.display import DISPLAYS, show
from lineage.questions.answer import Answer
from lineage.questions.runs import RunSummary
from lineage.questions.trace import Unknown

sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
WITHOUT_TABLE = {RunSummary, Unknown}
"""A summary is a row of the table of runs; unknown files are an error."""


def types_of_answers():
    for module in pkgutil.iter_modules(questions.__path__):
        importlib.import_module(f"{questions.__name__}.{module.name}")
    waiting, found = [Answer], set()
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        found |= set(subclasses)
        waiting += subclasses
    # Data classes with slots leave the class that they were made from behind, under the same name.
    return {getattr(importlib.import_module(type_.__module__), type_.__name__) for type_ in found}


def test_every_type_of_answer_has_a_table():
    types = types_of_answers()
    assert len(types) >= 10
    assert {type_ for type_ in types if type_.__name__ not in DISPLAYS} == WITHOUT_TABLE
    assert DISPLAYS.keys() <= {type_.__name__ for type_ in types}


def test_an_answer_without_a_table_is_named():
    with pytest.raises(TypeError, match="no display for Unknown"):
        show(Unknown([], {}), None)


@sqlite
def test_the_table_of_a_trace_shows_the_direction_of_thresholds(recorded):
    [pushed] = recorded.store().run_subgraph(recorded.runs_named("first")[0]).of_type("PushedModel")
    text = recorded.ask("trace", str(pushed.id)).text
    rows = [line.split() for line in text.splitlines()]
    assert ["Evaluator", "evaluator", "accuracy", "0.6", "at", "least", "0.5", "share", "yes"] in rows
    assert ["ServingSmoke", "max_latency_p95_ms", "0.1", "at", "most", "0.3", "ms", "yes"] in rows
