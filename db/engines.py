"""Engines: one row for each that was started, and for each pipeline that it drew with; its images reference it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, insert, select

from db.column_types import now_utc
from db.recipe_rows import VARIANT_COLUMNS, add_variants, variant_of
from db.tables import engines, variants
from db.values import EngineRecord
from sdq_core.values.variants import Variant

#: The fields of an engine's record in its row, besides the variant.
_FIELDS = tuple(name for name in EngineRecord.__dataclass_fields__ if name != "variant")


def register_engine(connection: Connection, record: EngineRecord) -> int:
    """Store a started engine; return the id that its images reference."""
    variant_id = add_variants(connection, [record.variant])[record.variant]
    values = {name: getattr(record, name) for name in _FIELDS}
    statement = insert(engines).values(**values, variant_id=variant_id, started_at=now_utc())
    return int(connection.execute(statement.returning(engines.c.id)).scalar_one())


def load_engines(connection: Connection, ids: Collection[int]) -> dict[int, EngineRecord]:
    """Return engines by their ids."""
    found: dict[int, EngineRecord] = {}
    for row in connection.execute(
        select(engines, *VARIANT_COLUMNS).join_from(engines, variants).where(engines.c.id.in_(ids))
    ).mappings():
        variant = variant_of(row)
        assert isinstance(variant, Variant)  # an engine always has one; only recipes have `any`
        found[row[engines.c.id]] = EngineRecord(
            variant=variant, **{name: row[engines.c[name]] for name in _FIELDS}
        )
    return found
