"""Measures of pictures: perceptual hash, brightness, contrast, sharpness, and which of them look alike"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_quality"
down_revision = "0005_notices"
branch_labels = None
depends_on = None

_COLUMNS = {
    "phash": sa.LargeBinary(),
    "constant": sa.Boolean(),
    "brightness": sa.Float(53),
    "contrast": sa.Float(53),
    "sharpness": sa.Float(53),
    #: 64 bits everywhere.
    "near_duplicate_of": sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
}


def upgrade() -> None:
    # Without a value, a column costs nothing in the rows that are there; the index is one walk through the table.
    for name, kind in _COLUMNS.items():
        op.add_column("images", sa.Column(name, kind, nullable=True))
    op.create_index(
        "ix_images_near_duplicates",
        "images",
        ["near_duplicate_of"],
        sqlite_where=sa.text("near_duplicate_of IS NOT NULL"),
        postgresql_where=sa.text("near_duplicate_of IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_images_near_duplicates", "images")
    for name in _COLUMNS:
        op.drop_column("images", name)
