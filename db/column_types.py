"""Column types that store the same value the same way on SQLite and PostgreSQL, and compactly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Text
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

#: 64 bits everywhere; SQLite numbers rows automatically only if the type is spelled INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


def now_utc() -> datetime:
    """Return the current time, rounded to milliseconds as in the ledger."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class UtcTime(TypeDecorator[datetime]):
    """A UTC time as whole milliseconds since 1970: 6 bytes per row in SQLite, and no text to parse."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Raise ValueError for a time without a zone: it could be any local time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone.")
        return (value - EPOCH) // MILLISECOND

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        """Return an aware time in UTC."""
        return None if value is None else EPOCH + value * MILLISECOND


class Milliseconds(TypeDecorator[float]):
    """A duration in ms as whole microseconds: for typical images, half the bytes of a float in SQLite."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: float | None, _dialect: Dialect) -> int | None:
        """Round to the nearest microsecond."""
        return None if value is None else round(value * 1000)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> float | None:
        """Return milliseconds."""
        return None if value is None else value / 1000


class HexDigest(TypeDecorator[str]):
    """A hexadecimal digest as its bytes: 32 for a sha256 instead of 64."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> bytes | None:
        """Raise ValueError for text that is not hexadecimal."""
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> str | None:
        """Return lower-case hexadecimal digits."""
        return None if value is None else bytes(value).hex()


class JsonObject(TypeDecorator[Mapping[str, Any]]):
    """A JSON object as compact text; an empty one is NULL and takes no space."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, _dialect: Dialect) -> str | None:
        """Keep the user's order of keys; raise TypeError for values that JSON cannot represent."""
        return json.dumps(value, separators=(",", ":")) if value else None

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Mapping[str, Any]:
        """Return a dict, empty for NULL."""
        return json.loads(value) if value else {}
