"""Texts from imported data, files and stores, made safe to show and sorted as people expect.

A name from outside may hold anything: escape sequences that control a terminal, marks that reverse the direction of
what follows, line ends that begin a false message. `printable` shows such characters as escapes. Every output uses it:
lines through `say`, tables and pages through `data.output`, error messages in `data.errors`.
"""

from __future__ import annotations

import functools
import json
import re
import reprlib
import sys
import unicodedata
from typing import Any, cast

LONGEST = 4000
"""Length above which a path, a command or a cell of a table is cut."""

_CUT = "…"
_MOST_MARKS = 8  # combining marks on one letter; text that has more covers the lines around it

# A zero-width joiner or non-joiner is a part of the spelling between letters of the scripts that use them, after a
# virama, and between emoji. A variation selector is one after a character that has variants.
_JOINED = "\u0600-\u0dff\u0f00-\u109f\u1780-\u18af\u1a20-\u1cff\ua800-\uabff\U00010a00-\U00011fff\U0001e900-\U0001e95f"
_EMOJI = "\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
_VIRAMA = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"
_SPELLING = re.compile(
    f"(?<=[{_JOINED}])[\u200c\u200d](?=[{_JOINED}])"
    f"|(?<=[{_VIRAMA}])[\u200c\u200d]"
    f"|(?<=[{_EMOJI}])\u200d(?=[{_EMOJI}])"
    "|(?<=[\u1820-\u18aa])[\u180b-\u180f]"
    "|(?<=[#*0-9\xa9\xae\u1000-\u17ff\u2010-\u2027\u2030-\u205e\u2070-\ufdff\U00010000-\U0003ffff])"
    "[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_VISIBLE_FORMAT = "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"  # signs around numbers
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef"
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_HIDDEN = re.compile(f"[{_INVISIBLE}]")
_COMPOSED = re.compile("[^\uf900-\ufaff\U0002f800-\U0002fa1f]+")  # compatible ideographs look different
_SPACES = re.compile("[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_SHOWN = re.compile(f"[{_VISIBLE_FORMAT}]")


def printable(text: str, length: int | None = None) -> str:
    """Return a text with what is invisible in it as escapes, so that it cannot control a terminal or distort a page.

    Escaped are control, direction, formatting and other invisible characters, halves of surrogate pairs, private and
    unassigned characters. Line ends and tabs are kept, and so is the spelling of every script: combining marks, joiners
    and variation selectors where they have an effect. An escape looks like the same text in the original.

    Args:
        text: any text.
        length: largest length of the result, above which the text is cut; None for no limit.
    """
    if text.isascii() and text.isprintable() and (length is None or len(text) <= length):
        return text
    if length is not None:
        text = text[: length + 1]
    spelling = {match.start() for match in _SPELLING.finditer(text)}
    parts: list[str] = []
    size = marks = 0
    for place, character in enumerate(text):
        marks = marks + 1 if _is_mark(character) else 0
        seen = place in spelling or (marks <= _MOST_MARKS and _is_seen(character))
        parts.append(character if seen or character in "\n\t" else _escape(character))
        size += len(parts[-1])
        if length is not None and size > length:
            break
    if length is None or size <= length:
        return "".join(parts)
    while size > max(length - 1, 0):
        size -= len(parts.pop())
    return "".join(parts) + _CUT


def harmless(value: object, limit: int | None = 200) -> str:
    """Return a value as one line of visible characters, at most `limit` of them; None for no limit."""
    text = str(value)[: None if limit is None else limit + 1]
    return printable(text.replace("\n", "\\n").replace("\t", "\\t"), limit)


def listed(names: Any, limit: int = 60) -> str:
    """Return names, each as one line of at most `limit` characters, separated by commas."""
    return ", ".join(harmless(name, limit) for name in names)


def one_spelling(name: str) -> str:
    """Return a name without invisible marks and superfluous spaces, so that names that look the same are the same."""
    if name.isascii() and name == name.strip(" ") and "  " not in name:
        return name
    spelling = {match.start() for match in _SPELLING.finditer(name)}
    seen = (
        character
        for place, character in enumerate(name)
        if place in spelling or not (_HIDDEN.match(character) or unicodedata.category(character) == "Cf")
    )
    composed = _COMPOSED.sub(lambda match: unicodedata.normalize("NFC", match[0]), "".join(seen))
    return _SPACES.sub(" ", composed).strip(" ")


def has_control_characters(text: str) -> bool:
    """Return whether a text has characters that no name needs: control characters, or halves of surrogate pairs."""
    return bool(_CONTROLS.search(text))


def say(text: object, *, error: bool = False) -> None:
    """Print a text for people; what cannot be seen is escaped.

    Args:
        text: lines of text, or anything else, such as a path, which is shown as one line.
        error: whether to print on standard error instead of standard output.
    """
    shown = printable(text) if isinstance(text, str) else harmless(text, LONGEST)
    print(f"{shown}\n", end="", file=sys.stderr if error else sys.stdout, flush=True)


def say_json(value: Any, indent: int | None = 1) -> None:
    """Print a value as JSON, exactly, in ASCII: the escapes of JSON keep every other character off the terminal."""
    print(f"{json.dumps(value, indent=indent, default=str)}\n", end="", flush=True)


def cell_of_sheet(text: str) -> str:
    """Return a text as a cell of a CSV file that a spreadsheet does not take for a formula.

    A text that begins like a formula gets an apostrophe in front, a number does not.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def text_of_cell(cell: str) -> str:
    """Return the text of a cell that `cell_of_sheet` wrote."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


# Also with apostrophes in front, so that a text that has some comes back as it was. Wide signs count in East Asia.
_FORMULA = re.compile(r"'*([=+\-@＝＋－＠].|[\t\r\n])", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def shortened(text: str, length: int = 80) -> str:
    """Return a text with its middle left out if it is longer than `length` characters."""
    return text if len(text) <= length else f"{text[: length // 2]} … {text[-length // 2 + 3 :]}"


def value_text(value: Any, length: int = 80) -> str:
    """Return the Python form of a value, cut to `length` characters without ever forming a long one."""
    limited = reprlib.Repr()
    limited.maxlevel, limited.maxstring, limited.maxlong, limited.maxother = 4, length, length, length
    try:
        return shortened(limited.repr(value), length)
    except ValueError:  # Python does not write integers of thousands of digits
        return f"an integer of {value.bit_length()} bits" if isinstance(value, int) else f"a {type(value).__name__}"


def natural(text: str) -> list[str | int]:
    """Return a sort key by which numbers in names count as numbers: `p2` is before `p10`."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d{1,18})", text)]


_REASONS = {
    "set_int_max_str_digits": "a whole number has thousands of digits",
    "max_header_size": "the header of the array is longer than any that NumPy writes",
}
_MOST_PROBLEMS = 3


def plain_reason(error: BaseException) -> str:
    """Return why something failed, as one line, without the advice that libraries have for programmers."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if hasattr(error, "errors") and hasattr(error, "error_count"):  # pydantic, which not every user of this has loaded
        return _problems(cast(Any, error).errors(include_url=False, include_context=False, include_input=False))
    text = " ".join(str(error).split()) or type(error).__name__
    return next((reason for words, reason in _REASONS.items() if words in text), text)


def _problems(problems: list[dict[str, Any]]) -> str:
    """Return what a validation found, with the place of each problem."""
    shown = [
        f"{'.'.join(map(str, problem['loc'])) or 'the whole'}: {_plain(problem)}"
        for problem in problems[:_MOST_PROBLEMS]
    ]
    more = len(problems) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _plain(problem: dict[str, Any]) -> str:
    if problem["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return "it is no JSON object"
    return str(problem["msg"]).removeprefix("Value error, ")


@functools.lru_cache(4096)
def _is_seen(character: str) -> bool:
    """Return whether a character has a glyph, or is a space."""
    if character.isprintable():
        return not _HIDDEN.match(character)
    return unicodedata.category(character) == "Zs" or bool(_SHOWN.match(character))


def _is_mark(character: str) -> bool:
    return character > "\u02ff" and unicodedata.category(character) in ("Mn", "Me")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def is_number(text: str) -> bool:
    """Return whether a text is a number as Python writes it."""
    try:
        float(text)
    except ValueError:
        return False
    return True
