"""What somebody thinks of an image: that it is a favourite, or rejected"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011_marks"
down_revision = "0010_smoke_checks"
branch_labels = None
depends_on = None

_MARKS = {"favourite": "ix_images_favourites", "rejected": "ix_images_rejected"}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for mark, index in _MARKS.items():
        # With a constant default, neither database writes the rows that are there.
        op.add_column(
            "images", sa.Column(mark, sa.Boolean(), nullable=False, server_default=sa.false())
        )
        where = {f"{dialect}_where": sa.column(mark, sa.Boolean()) == sa.true()}
        op.create_index(index, "images", [mark, "id"], **where)


def downgrade() -> None:
    for mark, index in _MARKS.items():
        op.drop_index(index, "images")
        op.drop_column("images", mark)
