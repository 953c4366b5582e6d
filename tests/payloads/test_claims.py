"""What a test may claim: more than guessing, for whom it holds, and what it says if it can claim nothing."""

import math

import pytest

from payloads.claims import ERROR, beyond_chance, make_claims


@pytest.mark.parametrize(("share", "count"), [(0.25, 4), (0.25, 47), (0.1, 20), (0.8, 50), (0.5, 1000)])
def test_guessing_reaches_the_needed_share_in_at_most_five_of_a_hundred_tests(share, count):
    needed = beyond_chance(share, count)
    assert needed is not None
    correct = round(needed * count)
    assert correct / count == needed

    def at_least(least):
        return sum(math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(least, count + 1))

    assert at_least(correct) <= ERROR < at_least(correct - 1)


@pytest.mark.parametrize(("share", "count"), [(0.5, 2), (0.95, 20), (1.0, 1000)])
def test_where_no_mistake_may_be_luck_nothing_is_needed(share, count):
    assert beyond_chance(share, count) is None


def test_the_sentence_says_what_was_tested_and_for_whom_it_holds():
    good = make_claims("other people", 6, 0.9, [10, 10, 10])
    assert good.beats_majority
    assert good.sentence == (
        "30 test sequences of 6 people: better than always naming the most frequent label (33%); the test people are"
        " not in training"
    )
    assert "one person says little" in make_claims("other people", 1, 0.9, [10, 10]).sentence


def test_the_sentence_says_that_too_few_sequences_show_nothing():
    few = make_claims("the same recordings", None, 1.0, [1, 1])
    assert not few.beats_majority
    assert "too few to show" in few.sentence
    assert "parts of the same recordings" in few.sentence


def test_a_model_like_a_guess_or_one_that_can_not_be_run_is_not_better():
    for accuracy in (0.5, None):
        claims = make_claims("the same people", None, accuracy, [20, 20])
        assert not claims.beats_majority
        assert "not shown to be better" in claims.sentence
