"""What `sdq bench` measured"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_benchmarks"
down_revision = "0001"
branch_labels = None
depends_on = None

#: Numbered by SQLite itself only when spelled INTEGER.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "benchmarks",
        sa.Column("id", Id, nullable=False),
        sa.Column("measured_at", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("chip", sa.Text(), nullable=False),
        sa.Column("os", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("attention_implementation", sa.Text(), nullable=False),
        sa.Column("compute_unit", sa.Text(), nullable=False),
        sa.Column("unet", sa.Text(), nullable=False),
        sa.Column("drawn_with", sa.Boolean(), nullable=False),
        sa.Column("num_inference_steps", sa.Integer(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("precision", sa.Text(), nullable=True),
        sa.Column("pipeline", sa.Text(), nullable=True),
        sa.Column("runtime", sa.Text(), nullable=True),
        sa.Column("versions", sa.Text(), nullable=True),
        sa.Column("first_load_ms", sa.BigInteger(), nullable=True),
        sa.Column("warm_load_ms", sa.BigInteger(), nullable=True),
        sa.Column("step_ms", sa.BigInteger(), nullable=True),
        sa.Column("image_ms", sa.BigInteger(), nullable=True),
        sa.Column("peak_bytes", sa.BigInteger(), nullable=True),
        sa.Column("psnr_db", sa.Float(53), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_benchmarks"),
    )
    op.create_index("ix_benchmarks_model", "benchmarks", ["model"])


def downgrade() -> None:
    op.drop_table("benchmarks")
