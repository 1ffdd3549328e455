"""What a recipe draws by besides its prompt"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009_conditions"
down_revision = "0008_clip_score"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a value, a column costs nothing in the rows that are there.
    op.add_column("recipes", sa.Column("conditions", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("recipes", "conditions")
