"""A few of the fuzzer's changed settings and files, and the faults that it reports."""

import random

import pytest

from benchmarks.fuzz_configuration import Fuzzer, Mutation, Mutator, Outcome, faults_of, faults_of_configuration

MUTATIONS = 150


def test_every_changed_setting_or_file_is_accepted_or_explained(tmp_path, capsys):
    fuzzer, mutator = Fuzzer(tmp_path, seconds=10), Mutator(random.Random(15), tmp_path)
    for _ in range(MUTATIONS):
        fuzzer.feed(mutator.mutation(), "config")
    assert capsys.readouterr().out == ""
    assert fuzzer.faults == 0
    assert {kind for kind, _ in fuzzer.counts} == {
        "--set key",
        "--set value",
        "configuration file",
        "gates file",
        "schema file",
    }
    assert sum(tally["rejected"] for tally in fuzzer.counts.values()) > MUTATIONS / 2


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (Outcome(1, "", "", 0), "exit code 1"),
        (Outcome(3, "", "error: x\n  where:  y\n  remedy: z", 0), "exit code 3"),
        (Outcome(2, "", "error: x\n  remedy: z", 0), "an error without where"),
        (Outcome(2, "", "error: x\n  where:  y", 0), "an error without remedy"),
        (Outcome(0, "Traceback (most recent call last)", "", 0), "a traceback"),
        (Outcome(0, "\x1b[31m", "", 0), "a control character in the output"),
        (Outcome(0, "", "", 9), "9.0 s"),
        (Outcome(2, "", "error: x\n  where:  y\n  remedy: " + "z" * 20_000, 0), "20,031 characters of error text"),
    ],
)
def test_the_fuzzer_sees_a_fault(outcome, fault):
    assert faults_of(outcome, 5) == [fault]


def test_the_fuzzer_sees_a_configuration_that_is_not_read_back(tmp_path):
    accepted = Mutation("--set value", ["--set", "shards=3"], "shards=3")
    [fault] = faults_of_configuration(accepted, "name: x", tmp_path)
    assert fault.startswith("the printed configuration is not read back")
