"""Whether a variant still draws what it drew before the system or a library was updated.

It is asked once for each variant, chip and software. The answer stands in the row of the engine that gave it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, or_, select, update

from db.connection import Database
from db.engines import load_engines
from db.recipe_rows import VARIANT_COLUMNS, variant_of
from db.tables import engines, images, recipes, variants
from db.values import CheckedVariant, EarlierImage, EngineRecord, ImageStatus, SmokeCheck
from db.values.engines import software
from db.walk import load_recipes
from sdq_core.values.machine import Machine
from sdq_core.values.variants import Variant

#: How far to look back for an earlier image, and how many to offer: most files are where they were.
_IMAGES_BACK = 100_000
_ENGINES_BACK = 500
_OFFERED = 100


class SmokeChecks:
    """What workers found. As with compute units, it holds for all machines with the same chip."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_due(self, engine: EngineRecord) -> bool:
        """Whether nobody has asked yet, for this variant on this chip and with this software."""
        query = _engines_like(engine, engines.c.os, engines.c.runtime, engines.c.versions)
        checked = query.where(engines.c.smoke_check.is_not(None)).distinct()
        with self._database.reading() as connection:
            return all(
                _software(row) != engine.software for row in connection.execute(checked).mappings()
            )

    def earlier_images(self, engine: EngineRecord) -> list[EarlierImage]:
        """Return images of the variant that other software drew on such a chip, the newest first.

        Flagged ones are left out, whose files may show something else, and those of software whose own check failed.
        """
        query = _engines_like(engine, engines).order_by(engines.c.id.desc()).limit(_ENGINES_BACK)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
            bad = [_software(row) for row in rows if not _check(row).is_alike]
            others = [
                row["id"]
                for row in rows
                if (found := _software(row)) != engine.software and found not in bad
            ]
            return _images_of(connection, others) if others else []

    def note(self, engine_id: int, check: SmokeCheck) -> None:
        """Store what was found with an engine."""
        with self._database.writing() as connection:
            connection.execute(
                update(engines).where(engines.c.id == engine_id).values(smoke_check=_json(check))
            )

    def newest(self, machine: Machine) -> list[CheckedVariant]:
        """Return the newest check of each variant that could be compared on such a machine, the oldest first."""
        query = _checked().where(engines.c.chip == machine.chip)
        with self._database.reading() as connection:
            found = {each.variant: each for each in _checks(connection, query)}
        return list(found.values())


def failed_checks(connection: Connection, engine_ids: Collection[int]) -> list[CheckedVariant]:
    """Return what some engines found to have changed, the oldest first."""
    query = _checked().where(engines.c.id.in_(engine_ids))
    return [each for each in _checks(connection, query) if not each.check.is_alike]


def _engines_like(engine: EngineRecord, *columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .join_from(engines, variants)
        .where(variants.c.key == engine.variant.key, engines.c.chip == engine.chip)
    )


def _images_of(connection: Connection, engine_ids: Collection[int]) -> list[EarlierImage]:
    newest = select(func.max(images.c.id)).scalar_subquery()
    query = (
        select(
            images.c.recipe_id,
            images.c.seed,
            images.c.path,
            images.c.sha256,
            images.c.pixels_sha256,
            images.c.engine_id,
        )
        .join(recipes, recipes.c.id == images.c.recipe_id)
        .where(
            recipes.c.conditions.is_(None),  # whose inputs may be gone
            images.c.id > newest - _IMAGES_BACK,
            images.c.engine_id.in_(engine_ids),
            images.c.status == str(ImageStatus.DONE),
            or_(images.c.nsfw_flagged.is_(None), images.c.nsfw_flagged.is_(False)),
        )
        .order_by(images.c.id.desc())
        .limit(_OFFERED)
    )
    rows = connection.execute(query).mappings().all()
    drawn_by = load_recipes(connection, {row["recipe_id"] for row in rows})
    records = load_engines(connection, {row["engine_id"] for row in rows})
    return [
        EarlierImage(
            recipe=drawn_by[row["recipe_id"]],
            seed=row["seed"],
            path=row["path"],
            sha256=row["sha256"],
            pixels_sha256=row["pixels_sha256"],
            engine=records[row["engine_id"]],
        )
        for row in rows
    ]


def _checked() -> Select[Any]:
    return (
        select(engines.c.host, engines.c.started_at, engines.c.smoke_check, *VARIANT_COLUMNS)
        .join_from(engines, variants)
        .where(engines.c.smoke_check.is_not(None))
        .order_by(engines.c.id)
    )


def _checks(connection: Connection, query: Select[Any]) -> list[CheckedVariant]:
    found = []
    for row in connection.execute(query).mappings():
        variant, check = variant_of(row), _check(row)
        assert isinstance(variant, Variant)  # an engine's is never `any`
        if check.path is not None:
            found.append(
                CheckedVariant(
                    variant=variant, host=row["host"], checked_at=row["started_at"], check=check
                )
            )
    return found


def _software(row: RowMapping) -> Mapping[str, str]:
    return software(row["os"], row["runtime"], row["versions"])


def _json(check: SmokeCheck) -> dict[str, Any]:
    identical = check.psnr_db == math.inf
    return {
        "path": check.path,
        "changes": list(check.changes),
        "identical": identical,  # JSON has no infinity
        "psnr_db": None if identical else check.psnr_db,
        "error": check.error,
    }


def _check(row: RowMapping) -> SmokeCheck:
    stored = row["smoke_check"]
    return SmokeCheck(
        path=stored.get("path"),
        changes=stored.get("changes", ()),
        psnr_db=math.inf if stored.get("identical") else stored.get("psnr_db"),
        error=stored.get("error"),
    )
