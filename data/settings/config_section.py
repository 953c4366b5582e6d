"""Base class of everything that is read from a configuration."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, model_validator


class ConfigSection(BaseModel):
    """One section of a configuration.

    An unknown key, a number that is not finite, and `true` or `false` in place of a number are errors:
    `min_accuracy: no` must not mean 0.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _boolean_is_no_number(cls, values: Any) -> Any:
        """Turn a boolean into text where a number belongs, so that it is rejected; pydantic would convert it."""
        if not isinstance(values, dict):
            return values
        return {
            key: str(value).lower() if isinstance(value, bool) and cls._takes_number(key) else value
            for key, value in values.items()
        }

    @classmethod
    def _takes_number(cls, key: Any) -> bool:
        field = cls.model_fields.get(key) if isinstance(key, str) else None
        types = {field.annotation, *get_args(field.annotation)} if field else set()
        return bool(types & {int, float}) and bool not in types
