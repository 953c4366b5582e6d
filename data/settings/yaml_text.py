"""YAML text of unknown origin, parsed into plain values with one kind of error."""

from __future__ import annotations

from typing import Any

import yaml

from data.text import plain_reason

_MAX_DEPTH = 50
_MAX_INTEGER = 2**63 - 1
# What PyYAML raises if a value does not fit its tag: `!!bool x` KeyError, `!!int ""` IndexError, `!!timestamp x`
# AttributeError.
_OTHER_ERRORS = (LookupError, AttributeError, TypeError, ArithmeticError)


class _Loader(yaml.CSafeLoader):
    """The C parser, with a limit for integers: Python cannot print those of thousands of digits."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return the value of an integer."""
        value: int = super().construct_yaml_int(node)
        if abs(value) > _MAX_INTEGER:
            raise ValueError(f"the integer has more than 64 bits{_place(node.start_mark)}")
        return value


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def parse_yaml(text: str) -> Any:
    """Parse one YAML document.

    Args:
        text: the document.

    Raises:
        ValueError: the text is not YAML, has more than one document, repeats a key, is nested too deeply, or has an
            integer of more than 64 bits; the message is one line.
    """
    try:
        _check_depth(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            _check_keys(node, set())
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        what = ", ".join(filter(None, [error.context, error.problem]))
        raise ValueError(what + _place(error.problem_mark or error.context_mark)) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(plain_reason(error)) from error
    except _OTHER_ERRORS as error:
        raise ValueError("a value does not fit its tag") from error


def _check_depth(text: str) -> None:
    """Raise ValueError if the text is nested too deeply: the C parser would overflow the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep{_place(event.start_mark)}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _check_keys(node: yaml.Node | None, seen: set[yaml.Node]) -> None:
    """Raise ValueError if a mapping repeats a key: PyYAML would silently drop the first value."""
    if not isinstance(node, yaml.CollectionNode) or node in seen:
        return
    seen.add(node)
    keys = set[tuple[str, str]]()
    for part in node.value:
        key, value = part if isinstance(node, yaml.MappingNode) else (None, part)
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in keys:
                raise ValueError(f"the key {key.value!r:.80} is repeated{_place(key.start_mark)}")
            keys.add((key.tag, key.value))
        _check_keys(value, seen)


def _place(mark: Any) -> str:
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
