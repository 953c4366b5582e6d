r"""A workaround for backslashes in ML Metadata on PostgreSQL.

ML Metadata 1.21 quotes a text that contains a backslash wrongly on PostgreSQL: libpq returns ` E'...'`, and ML Metadata
removes the first and the last character of it. The literal ends early, the statement fails, and the rest of the text is
read as SQL. `PostgresqlStore` therefore sends no backslash to the server: it stores U+E05C, a character of the private
use area, in its place, and returns a backslash where it reads U+E05C.

The class overrides a private method of ML Metadata, so it works with the version that it was tested with only. Remove
it when `test_ml_metadata_still_quotes_backslashes_wrongly` fails with a newer version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_metadata
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from data.errors import InputError
from lineage.store.client import StoreClient

ML_METADATA_VERSION = "1.21.0"
"""Version of ML Metadata that the workaround is written for and tested with."""

_BACKSLASH, _SUBSTITUTE = "\\", "\ue05c"


class PostgresqlStore(StoreClient):
    """A metadata store that sends no backslash to the server."""

    def _pywrap_cc_call(self, method: Callable[..., Any], request: Message, response: Message) -> None:
        """Replace backslashes in the request; every call of the C++ library goes through this method."""
        if _BACKSLASH.encode() in request.SerializeToString():
            copy = type(request)()
            copy.CopyFrom(request)
            _replace(copy, _BACKSLASH, _SUBSTITUTE)
            request = copy
        super()._pywrap_cc_call(method, request, response)
        if _SUBSTITUTE.encode() in response.SerializeToString():
            _replace(response, _SUBSTITUTE, _BACKSLASH)


def check_version() -> None:
    """Raise an error if the workaround was not tested with the installed version of ML Metadata.

    Raises:
        InputError: another version is installed.
    """
    if ml_metadata.__version__ != ML_METADATA_VERSION:
        raise InputError(
            f"ML Metadata {ml_metadata.__version__} is installed, but lineage/store/postgresql.py needs "
            f"{ML_METADATA_VERSION}",
            ml_metadata.__file__,
            "run `make setup`, which installs the locked version; to use another one, adapt the workaround until "
            "tests/lineage/store/ passes, then change ML_METADATA_VERSION in lineage/store/postgresql.py",
        )


def _replace(message: Message, old: str, new: str) -> None:
    """Replace a character in every text of a message."""
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
    """Replace a character in the keys and the values of a map."""
    has_message_values = field.message_type.fields_by_name["value"].type == FieldDescriptor.TYPE_MESSAGE
    for key in list(value):
        name = key.replace(old, new) if isinstance(key, str) else key
        if has_message_values:
            _replace(value[key], old, new)
            if name != key:
                value[name].CopyFrom(value[key])
        elif name != key:
            value[name] = value[key]
        if name != key:
            del value[key]
