from data.text import natural, printable


def test_names_are_sorted_as_people_do():
    names = ["p10", "p2", "10", "9", "p2b", "p02", "", "q", "9" * 10_000]
    assert sorted(names, key=natural) == ["", "9", "10", "9" * 10_000, "p2", "p02", "p2b", "p10", "q"]


def test_what_steers_a_terminal_is_escaped():
    assert printable("a\x1b[2Jb\u202ec\nd") == "a\\x1b[2Jb\\u202ec\nd"
    assert printable("abcdef", 4) == "abc…"
