"""Indexes for walks through a batch, and for removing one: no walk through the tables for each page"""

from __future__ import annotations

from alembic import op

revision = "0004_slice_indexes"
down_revision = "0003_engine_variant"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Each is one walk through its table, and a killed migration leaves none of them: it is one transaction.
    op.create_index("ix_slices_batch_id_entry_id", "slices", ["batch_id", "entry", "id"])
    op.create_index("ix_slices_recipe_id_batch_id", "slices", ["recipe_id", "batch_id"])
    op.create_index("ix_images_slice_id", "images", ["slice_id"])


def downgrade() -> None:
    op.drop_index("ix_images_slice_id", "images")
    op.drop_index("ix_slices_recipe_id_batch_id", "slices")
    op.drop_index("ix_slices_batch_id_entry_id", "slices")
