"""What an engine's first image after an update was like, beside one that was drawn before it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010_smoke_checks"
down_revision = "0009_conditions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Unknown for engines of before: their images are what the first new engine is compared with.
    op.add_column("engines", sa.Column("smoke_check", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("engines", "smoke_check")
