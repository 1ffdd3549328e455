"""The compute units of a model's parts: what each engine used, and what each machine learnt of them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_part_units"
down_revision = "0006_quality"
branch_labels = None
depends_on = None

#: Numbered by SQLite itself only when spelled INTEGER.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Unknown for engines of before, whose parts all ran on the recipe's unit.
    op.add_column("engines", sa.Column("part_units", sa.Text(), nullable=True))
    op.create_table(
        "unit_trials",
        sa.Column("id", Id, nullable=False),
        sa.Column("chip", sa.Text(), nullable=False),
        sa.Column("os", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("compute_unit", sa.Text(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_unit_trials"),
        sa.UniqueConstraint(
            "revision", "part", "compute_unit", "chip", "os",
            name="uq_unit_trials_revision_part_compute_unit_chip_os",
        ),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("unit_trials")
    op.drop_column("engines", "part_units")
