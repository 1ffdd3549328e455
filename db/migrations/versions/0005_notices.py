"""Notices: what is to be told of a batch, and what was told"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_notices"
down_revision = "0004_slice_indexes"
branch_labels = None
depends_on = None

#: Numbered by SQLite itself only when spelled INTEGER.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # It begins empty: of what ended before, nobody is told afterwards.
    op.create_table(
        "notices",
        sa.Column("id", Id, nullable=False),
        sa.Column("batch_id", Id, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("outcomes", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_notices_batch_id"),
        sa.UniqueConstraint(
            "batch_id", "event", "happened_at", name="uq_notices_batch_id_event_happened_at"
        ),
    )
    op.create_index(
        "ix_notices_open",
        "notices",
        ["id"],
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("notices")
