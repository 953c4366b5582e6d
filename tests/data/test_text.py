import pytest

from data.text import cell_of_sheet, harmless, natural, one_spelling, printable, text_of_cell


def test_names_are_sorted_as_people_do():
    names = ["p10", "p2", "10", "9", "p2b", "p02", "", "q", "9" * 10_000]
    assert sorted(names, key=natural) == ["", "9", "10", "9" * 10_000, "p2", "p02", "p2b", "p10", "q"]


def test_what_steers_a_terminal_is_escaped():
    assert printable("a\x1b[2Jb\u202ec\nd") == "a\\x1b[2Jb\\u202ec\nd"
    assert printable("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    "text", ["é", "می‌خواهم", "हिन्दी क्‍ष", "ന്‍", "👨‍👩‍👧 ❤️ 1️⃣", "葛\U000e0100 山田　太郎", "1\xa0234", "سورة ۝", "a\tb\nc"]
)
def test_the_spelling_of_every_script_is_kept(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a\u200db",
        "\u200c",
        "a\ufe0f",
        "x\ufe0f\ufe0f",
        "\u3164",
        "\xad",
        "\u2028",
        "\ue000",
        "\ufffe",
        "\U000e0041",
        "\x9b",
    ],
)
def test_what_cannot_be_seen_is_escaped(text):
    assert printable(text).isascii()


def test_marks_do_not_pile_up_and_escapes_are_not_cut():
    assert printable("z" + "\u0300" * 10) == "z" + "\u0300" * 8 + "\\u0300\\u0300"
    assert printable("\x1b" * 9, 9) == "\\x1b\\x1b…"
    assert len(harmless("\x1b" * 10**6)) <= 200
    assert harmless("a\nerror: b") == "a\\nerror: b"


@pytest.mark.parametrize("text", ["=1", "@x", "+a", "-1+2", "\t=1", "'=1", "''-x", "＝1"])
def test_a_text_is_no_formula_and_comes_back(text):
    cell = cell_of_sheet(text)
    assert cell == f"'{text}"
    assert text_of_cell(cell) == text


@pytest.mark.parametrize("text", ["-1.5", "+2e3", "-", "it's", "'quoted'", ""])
def test_numbers_and_words_stay_in_a_cell(text):
    assert text_of_cell(cell_of_sheet(text)) == cell_of_sheet(text) == text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("squat", "squat"),
        ("  squat  jump ", "squat jump"),
        ("squat\u200b\u00a0jump\ufeff", "squat jump"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u1109\u1173\u110f\u116f\u11ba", "\uc2a4\ud00f"),
        ("\u30b7\u3099", "\u30b8"),
        ("cafe\u200b\u0301", "caf\u00e9"),
        (
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\uf900", "\uf900"),
        ("a\tb", "a\tb"),
    ],
)
def test_names_that_look_the_same_have_one_spelling(name, expected):
    assert one_spelling(name) == expected
