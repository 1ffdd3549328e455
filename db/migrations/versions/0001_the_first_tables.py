"""The first tables"""

from __future__ import annotations

import secrets
import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: Numbered by SQLite itself only when spelled INTEGER.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("plan_key", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("open_slices", sa.Integer(), nullable=False),
        sa.Column("images_total", sa.BigInteger(), nullable=False),
        sa.Column("images_done", sa.BigInteger(), nullable=False),
        sa.Column("images_failed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.UniqueConstraint("name", name="uq_batches_name"),
    )
    op.create_table(
        "engines",
        sa.Column("id", Id, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("runtime", sa.Text(), nullable=False),
        sa.Column("compute_unit", sa.Text(), nullable=False),
        sa.Column("precision", sa.Text(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=True),
        sa.Column("os", sa.Text(), nullable=False),
        sa.Column("chip", sa.Text(), nullable=False),
        sa.Column("load_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_engines"),
    )
    op.create_table(
        "identity",
        sa.Column("ledger_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", name="pk_identity"),
    )
    op.create_table(
        "variants",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("attention_implementation", sa.Text(), nullable=False),
        sa.Column("compute_unit", sa.Text(), nullable=False),
        sa.Column("paused_since", sa.BigInteger(), nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_variants"),
        sa.UniqueConstraint("key", name="uq_variants_key"),
    )
    op.create_table(
        "recipes",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("content_key", sa.LargeBinary(), nullable=False),
        sa.Column("variant_id", Id, nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("negative_prompt", sa.Text(), nullable=False),
        sa.Column("num_inference_steps", sa.Integer(), nullable=False),
        sa.Column("guidance_scale", sa.Float(precision=53), nullable=False),
        sa.Column("scheduler", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("rng", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["variant_id"], ["variants.id"], name="fk_recipes_variant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recipes"),
        sa.UniqueConstraint("content_key", name="uq_recipes_content_key"),
    )
    op.create_table(
        "slices",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("batch_id", Id, nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("recipe_id", Id, nullable=False),
        sa.Column("seeds", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_slices_batch_id"),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipes.id"], name="fk_slices_recipe_id"),
        sa.PrimaryKeyConstraint("id", name="pk_slices"),
        sa.UniqueConstraint(
            "batch_id", "recipe_id", "seeds", name="uq_slices_batch_id_recipe_id_seeds"
        ),
    )
    op.create_index(
        "ix_slices_begun",
        "slices",
        ["batch_id"],
        sqlite_where=sa.text("finished_at IS NULL AND (done > 0 OR failed > 0)"),
        postgresql_where=sa.text("finished_at IS NULL AND (done > 0 OR failed > 0)"),
    )
    op.create_index(
        "ix_slices_failed",
        "slices",
        ["batch_id"],
        sqlite_where=sa.text("failed > 0"),
        postgresql_where=sa.text("failed > 0"),
    )
    op.create_index(
        "ix_slices_open",
        "slices",
        ["id"],
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "images",
        sa.Column("id", Id, nullable=False),
        sa.Column("recipe_id", Id, nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("slice_id", Id, nullable=True),
        sa.Column("engine_id", Id, nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("pixels_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("truncated_tokens", sa.Integer(), nullable=True),
        sa.Column("nsfw_flagged", sa.Boolean(), nullable=True),
        sa.Column("concept_scores", sa.Text(), nullable=True),
        sa.Column("queue_wait_ms", sa.BigInteger(), nullable=True),
        sa.Column("text_encode_ms", sa.BigInteger(), nullable=True),
        sa.Column("denoise_ms", sa.BigInteger(), nullable=True),
        sa.Column("num_unet_calls", sa.Integer(), nullable=True),
        sa.Column("decode_ms", sa.BigInteger(), nullable=True),
        sa.Column("safety_ms", sa.BigInteger(), nullable=True),
        sa.Column("encode_ms", sa.BigInteger(), nullable=True),
        sa.Column("save_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["engine_id"], ["engines.id"], name="fk_images_engine_id"),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipes.id"], name="fk_images_recipe_id"),
        sa.ForeignKeyConstraint(["slice_id"], ["slices.id"], name="fk_images_slice_id"),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.UniqueConstraint("recipe_id", "seed", name="uq_images_recipe_id_seed"),
    )
    # Which ledger this is; see `db.tables.identity`.
    identity = sa.table("identity", sa.column("ledger_id"), sa.column("created_at"))
    op.bulk_insert(
        identity, [{"ledger_id": secrets.token_hex(6), "created_at": time.time_ns() // 1_000_000}]
    )


def downgrade() -> None:
    for table in ("images", "slices", "recipes", "variants", "identity", "engines", "batches"):
        op.drop_table(table)
