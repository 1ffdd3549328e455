"""On which compute units the parts of a model work, and on which they have failed, for each chip and system build."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from db.column_types import now_utc
from db.connection import Database
from db.recipe_rows import insert_into
from db.tables import unit_trials
from sdq_core.values.machine import Machine
from sdq_core.values.part_units import Part
from sdq_core.values.variants import ComputeUnit


@dataclass(frozen=True, kw_only=True)
class UnitTrial:
    """What came of a part on a unit.

    revision: fingerprint of the variant's files.
    error: why it failed, None if it worked.
    tried_at: UTC.
    """

    revision: str
    part: Part
    unit: ComputeUnit
    error: str | None
    tried_at: datetime


class UnitTrials:
    """What workers learnt. It holds for machines with the same chip and build, and so is forgotten with the next build.

    Changes are durable: what ends an engine may end the whole machine next.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, machine: Machine, revision: str | None = None) -> list[UnitTrial]:
        """Return what is known on such a machine, the oldest first. revision: of this variant only."""
        query = (
            select(unit_trials)
            .where(unit_trials.c.chip == machine.chip, unit_trials.c.os == machine.os)
            .order_by(unit_trials.c.tried_at, unit_trials.c.id)
        )
        if revision is not None:
            query = query.where(unit_trials.c.revision == revision)
        with self._database.reading() as connection:
            return [
                UnitTrial(
                    revision=row.revision,
                    part=Part(row.part),
                    unit=ComputeUnit(row.compute_unit),
                    error=row.error,
                    tried_at=row.tried_at,
                )
                for row in connection.execute(query)
            ]

    def note_failed(
        self, machine: Machine, revision: str, part: Part, unit: ComputeUnit, error: str
    ) -> None:
        """Note that a part failed on a unit."""
        with self._database.writing(durable=True) as connection:
            _put(connection, machine, revision, part, unit, error)

    def note_worked(
        self, machine: Machine, revision: str, units: Iterable[tuple[Part, ComputeUnit]]
    ) -> None:
        """Note that parts worked on their units."""
        with self._database.writing(durable=True) as connection:
            for part, unit in units:
                _put(connection, machine, revision, part, unit, None)

    def forget(self, machine: Machine) -> int:
        """Forget all failures on such machines; return how many."""
        with self._database.writing(durable=True) as connection:
            gone = connection.execute(
                delete(unit_trials).where(
                    unit_trials.c.chip == machine.chip,
                    unit_trials.c.os == machine.os,
                    unit_trials.c.error.is_not(None),
                )
            )
            return gone.rowcount


def _put(
    connection: Connection,
    machine: Machine,
    revision: str,
    part: Part,
    unit: ComputeUnit,
    error: str | None,
) -> None:
    key = {
        "revision": revision,
        "part": str(part),
        "compute_unit": str(unit),
        "chip": machine.chip,
        "os": machine.os,
    }
    values = {"tried_at": now_utc(), "error": error}
    # In one statement: workers that begin a night together learn the same at the same moment.
    statement = insert_into(connection.dialect.name, unit_trials).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))
