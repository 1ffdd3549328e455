"""The ledger's tables.

An image is identified by (recipe, seed). Only images that were tried have a row: the pending ones are named in
`slices` and missing from `images`, so a million images are 40,000 rows of `slices`.

    variants ──< recipes ──< images >── engines >── variants
                    └──────< slices >── batches ──< notices

A recipe's variant is the requested one, which may be `any`; an engine's is the one that drew.

Counts are stored so that nothing has to scan a million rows: a slice counts its own images while it is open, and when
it is finished (``finished_at``) its counts are added to its batch's. `tests/ledger/test_counts.py` compares both with
the rows.

Recipes and slices are numbered by `db.growth`, not by the database: under the submission lock nobody else adds any, so
a submission of 40,000 slices does not have to query their ids.

These are Core tables, not mapped classes: importing ``sqlalchemy.orm`` would add a third to the start of every command,
and nothing here needs an identity map.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    and_,
    event,
    false,
    or_,
    true,
)

from db.column_types import HexDigest, Id, JsonObject, Milliseconds, UtcTime

#: The newest migration; compared with the database's, so that Alembic is imported only to migrate.
HEAD_REVISION = "0011_marks"

#: Not Alembic's default name: another program in the same database may have its own ``alembic_version``.
VERSION_TABLE = "sdq_revision"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# One row: the ledger's id, which names its queues, however its URL is spelled.
identity = Table(
    "identity",
    metadata,
    Column("ledger_id", Text, primary_key=True),
    Column("created_at", UtcTime, nullable=False),
)

# A model at a revision, its attention implementation and compute unit; paused if it keeps failing.
variants = Table(
    "variants",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("model", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("attention_implementation", Text, nullable=False),
    Column("compute_unit", Text, nullable=False),
    Column("paused_since", UtcTime),
    Column("pause_reason", Text),
)

# Everything that determines an image's pixels except the seed.
recipes = Table(
    "recipes",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("content_key", HexDigest, nullable=False, unique=True),
    Column("variant_id", Id, ForeignKey("variants.id"), nullable=False),
    Column("prompt", Text, nullable=False),
    Column("negative_prompt", Text, nullable=False),
    Column("num_inference_steps", Integer, nullable=False),
    Column("guidance_scale", Float(53), nullable=False),
    Column("scheduler", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("rng", Text, nullable=False),
    Column("conditions", JsonObject),
)

# A named collection that grows with each submission to its name; images_* count its finished slices.
batches = Table(
    "batches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("source", Text, nullable=False),
    # The key of the most recent plan: submitting it again adds nothing.
    Column("plan_key", Text, nullable=False),
    Column("options", JsonObject),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("completed_at", UtcTime),
    Column("entries", Integer, nullable=False),
    Column("open_slices", Integer, nullable=False),
    Column("images_total", BigInteger, nullable=False),
    Column("images_done", BigInteger, nullable=False),
    Column("images_failed", BigInteger, nullable=False),
)

# The unit of work: a recipe and a run of seeds ("0-24", "1,5,9-12").
slices = Table(
    "slices",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("batch_id", Id, ForeignKey("batches.id"), nullable=False),
    Column("entry", Integer, nullable=False),
    Column("recipe_id", Id, ForeignKey("recipes.id"), nullable=False),
    Column("seeds", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("fields", JsonObject),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    UniqueConstraint("batch_id", "recipe_id", "seeds"),
    # The order in which a batch is walked through.
    Index(None, "batch_id", "entry", "id"),
    # Which other batches ask for a recipe. The database asks too, for each recipe that is deleted.
    Index(None, "recipe_id", "batch_id"),
)
# What is to be told of a batch: that it began, that it ended, that one of its variants was paused for failing. Written
# with what happened, in the same transaction; outcomes: receiver -> what came of it, once it is told.
notices = Table(
    "notices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("batch_id", Id, ForeignKey("batches.id"), nullable=False),
    Column("event", Text, nullable=False),
    Column("happened_at", UtcTime, nullable=False),
    # The worker that sends it.
    Column("claimed_by", Text),
    Column("outcomes", JsonObject),
    Column("finished_at", UtcTime),
    UniqueConstraint("batch_id", "event", "happened_at"),
)
# For dispatch and status: open slices stay few, however many are finished. So do notices.
_OPEN = slices.c.finished_at.is_(None)
_INDEXED_ONLY = {
    Index("ix_notices_open", notices.c.id): notices.c.finished_at.is_(None),
    Index("ix_slices_open", slices.c.id): _OPEN,
    Index("ix_slices_begun", slices.c.batch_id): and_(
        _OPEN, or_(slices.c.done > 0, slices.c.failed > 0)
    ),
    Index("ix_slices_failed", slices.c.batch_id): slices.c.failed > 0,
}


@event.listens_for(metadata, "before_create")
def _index_partly(_metadata: MetaData, connection: Connection, **_options: Any) -> None:
    """Create partial indexes in the database's own dialect only: importing PostgreSQL's takes 20 ms at every start."""
    for index, condition in _INDEXED_ONLY.items():
        index.dialect_kwargs[f"{connection.dialect.name}_where"] = condition


# What drew images and where: one row for each engine that was started, and for each pipeline that it drew with. Its
# variant is unknown (None) only if it is from before migration 0002 and drew nothing.
engines = Table(
    "engines",
    metadata,
    Column("id", Id, primary_key=True),
    Column("worker", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("runtime", Text, nullable=False),
    Column("compute_unit", Text, nullable=False),
    Column("precision", Text, nullable=False),
    Column("versions", JsonObject),
    Column("os", Text, nullable=False),
    Column("chip", Text, nullable=False),
    Column("load_ms", Milliseconds, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("variant_id", Id, ForeignKey("variants.id")),
    # Part -> compute unit, where the runtime has several.
    Column("part_units", JsonObject),
    # What `db.smoke_checks` says of the variant's software, on the row of the first engine that had it.
    Column("smoke_check", JsonObject),
)

# Whether a model's part works on a compute unit of such machines; error is why it does not.
unit_trials = Table(
    "unit_trials",
    metadata,
    Column("id", Id, primary_key=True),
    Column("chip", Text, nullable=False),
    Column("os", Text, nullable=False),
    # Not a reference to `variants`: what fails on one compute unit is a variant's part on any.
    Column("revision", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("compute_unit", Text, nullable=False),
    Column("tried_at", UtcTime, nullable=False),
    Column("error", Text),
    UniqueConstraint("revision", "part", "compute_unit", "chip", "os"),
)

# An image that was tried: drawing, done or failed. Ids increase with the first attempt.
images = Table(
    "images",
    metadata,
    Column("id", Id, primary_key=True),
    Column("recipe_id", Id, ForeignKey("recipes.id"), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("slice_id", Id, ForeignKey("slices.id")),
    Column("engine_id", Id, ForeignKey("engines.id")),
    Column("finished_at", UtcTime),
    Column("error", Text),
    Column("path", Text),
    Column("size_bytes", BigInteger),
    Column("sha256", HexDigest),
    Column("pixels_sha256", HexDigest),
    Column("truncated_tokens", Integer),
    Column("nsfw_flagged", Boolean),
    Column("concept_scores", JsonObject),
    Column("queue_wait_ms", Milliseconds),
    Column("text_encode_ms", Milliseconds),
    Column("denoise_ms", Milliseconds),
    Column("num_unet_calls", Integer),
    Column("decode_ms", Milliseconds),
    Column("safety_ms", Milliseconds),
    Column("encode_ms", Milliseconds),
    Column("save_ms", Milliseconds),
    # What was measured of the picture, None until it is; `near_duplicate_of` is another image, or none that is left.
    Column("phash", HexDigest),
    Column("constant", Boolean),
    Column("brightness", Float(53)),
    Column("contrast", Float(53)),
    Column("sharpness", Float(53)),
    Column("near_duplicate_of", Id),
    # How well the picture shows its prompt, and which model said so; a model without a score could give none.
    Column("clip_score", Float(53)),
    Column("clip_model", Text),
    # What somebody thinks of it, one of the two or neither. Whatever is drawn anew keeps it.
    Column("favourite", Boolean, nullable=False, server_default=false()),
    Column("rejected", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("recipe_id", "seed"),
    # The database looks for the images of each slice that is deleted.
    Index(None, "slice_id"),
)
# The images that an image which is removed was kept in place of.
_INDEXED_ONLY[Index("ix_images_near_duplicates", images.c.near_duplicate_of)] = (
    images.c.near_duplicate_of.is_not(None)
)
# Few of a million, and looked for from the newest on. SQLite needs the comparison as a query has it.
_INDEXED_ONLY |= {
    Index("ix_images_favourites", images.c.favourite, images.c.id): images.c.favourite == true(),
    Index("ix_images_rejected", images.c.rejected, images.c.id): images.c.rejected == true(),
}

# What `sdq bench` measured, one row each time; `auto` uses the newest of each variant on each machine.
benchmarks = Table(
    "benchmarks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("measured_at", UtcTime, nullable=False),
    Column("host", Text, nullable=False),
    Column("chip", Text, nullable=False),
    Column("os", Text, nullable=False),
    # Not a reference to `variants`: most measured combinations never draw.
    Column("model", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("attention_implementation", Text, nullable=False),
    Column("compute_unit", Text, nullable=False),
    Column("unet", Text, nullable=False),
    Column("drawn_with", Boolean, nullable=False),
    Column("num_inference_steps", Integer, nullable=False),
    Column("images", Integer, nullable=False),
    Column("precision", Text),
    Column("pipeline", Text),
    Column("runtime", Text),
    Column("versions", JsonObject),
    Column("first_load_ms", Milliseconds),
    Column("warm_load_ms", Milliseconds),
    Column("step_ms", Milliseconds),
    Column("image_ms", Milliseconds),
    Column("peak_bytes", BigInteger),
    Column("psnr_db", Float(53)),
    Column("error", Text),
    Index(None, "model"),
)
