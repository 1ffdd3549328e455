"""The variant of an engine: what drew an image, where its recipe leaves the variant open"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_engine_variant"
down_revision = "0002_benchmarks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    kind = "INTEGER" if connection.dialect.name == "sqlite" else "BIGINT"
    # In one statement that both databases know: copying the table, as Alembic would on SQLite, cannot be done while
    # images refer to it.
    op.execute(
        f"ALTER TABLE engines ADD COLUMN variant_id {kind} "
        "CONSTRAINT fk_engines_variant_id REFERENCES variants (id)"
    )
    # Until now an engine drew its recipes' own variant and no other; one walk over all images for all engines.
    drawn = connection.execute(
        sa.text(
            "SELECT DISTINCT images.engine_id, recipes.variant_id FROM images "
            "JOIN recipes ON recipes.id = images.recipe_id WHERE images.engine_id IS NOT NULL"
        )
    ).all()
    if drawn:
        connection.execute(
            sa.text("UPDATE engines SET variant_id = :variant WHERE id = :engine"),
            [{"engine": engine, "variant": variant} for engine, variant in drawn],
        )


def downgrade() -> None:
    op.execute("ALTER TABLE engines DROP CONSTRAINT fk_engines_variant_id")
    op.drop_column("engines", "variant_id")
