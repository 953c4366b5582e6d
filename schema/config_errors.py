"""Explanation of what is wrong with a configuration, from a pydantic validation error."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from data.text import shortened, value_text

_MAX_PROBLEMS = 20


class Explanation(NamedTuple):
    """What is wrong with a configuration.

    Attributes:
        problems: the first wrong keys, each with the reason, and the key or value that was probably meant.
        remedy: settings that may replace a section whose keys do not fit each other; None if there is no such section.
    """

    problems: str
    remedy: str | None


def explain(error: ValidationError, root: type[BaseModel], prefix: str = "") -> Explanation:
    """Explain the errors of validating a configuration.

    Args:
        error: result of the validation.
        root: type that was validated.
        prefix: dotted key at which it is in the whole configuration.
    """
    problems, remedies = [], []
    for details in error.errors()[:_MAX_PROBLEMS]:
        location = [shortened(str(part)) for part in details["loc"]]
        if details["type"] == "extra_forbidden":
            place, name = _locate(location[:-1], root, prefix), location[-1]
            problems.append(_explain_unknown_key(place, name))
            if place.owners(name):
                remedies.append(
                    f"replace the whole section: --set '{place.key}={{{place.discriminator}: {place.tag}}}'"
                )
        else:
            problems.append(_explain_value(_locate(location, root, prefix), details))
    if error.error_count() > _MAX_PROBLEMS:
        problems.append(f"and {error.error_count() - _MAX_PROBLEMS} more")
    return Explanation("; ".join(problems), remedies[0] if remedies else None)


class _Place(NamedTuple):
    """Place in the configuration that a validation error is about.

    Attributes:
        key: dotted key as the user writes it.
        section: type of the value at the place. In a union with a valid tag: the member with this tag.
        members: all members of the union; empty where there is no union.
        discriminator: name of the key whose value, the tag, chooses a member of the union.
    """

    key: str
    section: Any
    members: tuple[type[BaseModel], ...] = ()
    discriminator: str = ""

    @property
    def tag(self) -> str:
        return _tag_of(self.section, self.discriminator)

    def join(self, name: str) -> str:
        """Return the dotted key of a key inside this section."""
        return f"{self.key}.{name}" if self.key else name

    def member(self, tag: str) -> type[BaseModel] | None:
        """Return the member of the union that has this tag."""
        return next((member for member in self.members if _tag_of(member, self.discriminator) == tag), None)

    def owners(self, name: str) -> list[str]:
        """Return the tags of the members of the union that have a key of this name."""
        return [_tag_of(member, self.discriminator) for member in self.members if name in member.model_fields]


def _locate(location: Sequence[str], root: type[BaseModel], prefix: str) -> _Place:
    """Find the place that the location of an error means.

    Pydantic adds the tag of a union to the location (`model.tcn.widths`), which is not part of the user's key.
    """
    place = _Place(prefix, root)
    for part in location:
        if place.members and not _is_section(place.section):
            place = place._replace(section=place.member(part))
            continue
        field = place.section.model_fields.get(part) if _is_section(place.section) else None
        if field and isinstance(field.discriminator, str):
            place = _Place(place.join(part), field.annotation, get_args(field.annotation), field.discriminator)
        else:
            place = _Place(place.join(part), field.annotation if field else None)
    return place


def _explain_unknown_key(place: _Place, name: str) -> str:
    key = place.join(name)
    if owners := place.owners(name):
        return f"{place.discriminator} {place.tag} does not have the key {key}, which belongs to {', '.join(owners)}"
    near = _nearest(name, list(place.section.model_fields)) if _is_section(place.section) else None
    return f"unknown key {key}; did you mean {place.join(near)}?" if near else f"unknown key {key}"


def _explain_value(place: _Place, details: Mapping[str, Any]) -> str:
    if details["type"] == "union_tag_invalid":
        tag, tags = details["ctx"]["tag"], [_tag_of(member, place.discriminator) for member in place.members]
        key = place.join(place.discriminator)
        near = _nearest(tag, tags)
        return f"{key}: {value_text(tag)} does not exist; did you mean {near!r}? There are: {', '.join(tags)}"
    return f"{place.key}: {details['msg'].removeprefix('Value error, ')} (got {value_text(details['input'])})"


def _nearest(word: str, valid: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, valid, 1, 0)), None)


def _tag_of(member: type[BaseModel], discriminator: str) -> str:
    return str(member.model_fields[discriminator].default)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
