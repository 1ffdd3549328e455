"""The variants in the ledger, and those that are paused."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from db.column_types import now_utc
from db.connection import Database
from db.notice_rows import note_pause
from db.recipe_rows import add_variants, all_variants, variant_of
from db.tables import variants
from db.values import PausedVariant
from sdq_core.errors import InputMissingError
from sdq_core.values.variants import RecipeVariant, Variant


class Variants:
    """Which variants there are, and which of them are paused.

    Pausing and resuming are durable, and repeating them changes nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self) -> dict[str, RecipeVariant]:
        """Return every variant that was requested or has drawn, by its key."""
        with self._database.reading() as connection:
            rows = connection.execute(all_variants()).mappings()
            return {row["key"]: variant_of(row) for row in rows}

    def paused(self) -> list[PausedVariant]:
        """List the paused variants, the longest paused first."""
        with self._database.reading() as connection:
            return paused_variants(connection)

    def pause(self, variant: str | Variant, reason: str, *, batch_id: int | None = None) -> None:
        """Pause a variant, given itself or by its key, until it is resumed; a second reason does not replace the first.

        batch_id: the batch at which it failed too often: that is to be told of this one, and of all that wait for the
        variant. None if somebody pauses it by hand.

        Raises InputMissingError for a key that is not in the ledger. A variant itself need not be in it: a worker may
        have chosen it for `any`.
        """
        with self._database.writing(durable=True) as connection:
            if isinstance(variant, Variant):
                add_variants(connection, [variant])
            key = variant if isinstance(variant, str) else variant.key
            _refuse_unknown(connection, key)
            now = now_utc()
            paused = connection.execute(
                update(variants)
                .where(variants.c.key == key, variants.c.paused_since.is_(None))
                .values(paused_since=now, pause_reason=reason)
                .returning(variants.c.id)
            ).scalar()
            if paused is not None and batch_id is not None:
                note_pause(connection, paused, batch_id, now)

    def resume(self, key: str) -> bool:
        """Resume a variant; return whether it was paused. Raises InputMissingError for an unknown key."""
        with self._database.writing(durable=True) as connection:
            _refuse_unknown(connection, key)
            result = connection.execute(
                update(variants)
                .where(variants.c.key == key, variants.c.paused_since.is_not(None))
                .values(paused_since=None, pause_reason=None)
            )
            return result.rowcount > 0


def paused_variants(connection: Connection) -> list[PausedVariant]:
    """List the paused variants, the longest paused first."""
    query = all_variants().where(variants.c.paused_since.is_not(None))
    return [
        PausedVariant(
            variant=variant_of(row), reason=row["pause_reason"], since=row["paused_since"]
        )
        for row in connection.execute(query.order_by(variants.c.paused_since)).mappings()
    ]


def _refuse_unknown(connection: Connection, key: str) -> None:
    if connection.execute(select(variants.c.id).where(variants.c.key == key)).first() is None:
        raise InputMissingError(
            f"There is no variant {key} in the ledger. Run `sdq status` to see those that are paused."
        )
