"""How well pictures show their prompts, as a CLIP model scores them, and which model that was"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_clip_score"
down_revision = "0007_part_units"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a value, a column costs nothing in the rows that are there.
    op.add_column("images", sa.Column("clip_score", sa.Float(53), nullable=True))
    op.add_column("images", sa.Column("clip_model", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("images", "clip_model")
    op.drop_column("images", "clip_score")
