r"""ML Metadata on PostgreSQL, made safe for backslashes.

ML Metadata 1.21 quotes a text with a backslash wrongly on PostgreSQL (libpq answers ` E'...'`, of which it takes off
the first and the last character): such a text ends the literal early, the statement fails, and what follows would be
read as SQL. So none ever gets there: each backslash is stored as U+E05C, of the private use area, and read back as
itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from ml_metadata.metadata_store import MetadataStore

_BACKSLASH, _STAND_IN = "\\", "\ue05c"


class PostgresqlStore(MetadataStore):
    """A metadata store in which no backslash reaches the server."""

    def _pywrap_cc_call(self, method: Callable[..., Any], request: Message, response: Message) -> None:
        if _BACKSLASH.encode() in request.SerializeToString():
            copy = type(request)()
            copy.CopyFrom(request)
            _replace(copy, _BACKSLASH, _STAND_IN)
            request = copy
        super()._pywrap_cc_call(method, request, response)
        if _STAND_IN.encode() in response.SerializeToString():
            _replace(response, _STAND_IN, _BACKSLASH)


def _replace(message: Message, old: str, new: str) -> None:
    """Replaces a character in every text of a message."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _replace_in_map(field, value, old, new)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in value if field.is_repeated else (value,):
                _replace(inner, old, new)
        elif field.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                value[:] = [text.replace(old, new) for text in value]
            else:
                setattr(message, field.name, value.replace(old, new))


def _replace_in_map(field: FieldDescriptor, value: Any, old: str, new: str) -> None:
    of_messages = field.message_type.fields_by_name["value"].type == FieldDescriptor.TYPE_MESSAGE
    for key in list(value):
        name = key.replace(old, new) if isinstance(key, str) else key
        if of_messages:
            _replace(value[key], old, new)
            if name != key:
                value[name].CopyFrom(value[key])
        elif name != key:
            value[name] = value[key]
        if name != key:
            del value[key]
