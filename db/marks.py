"""Marks of finished images: favourites, and those that are rejected."""

from __future__ import annotations

from sqlalchemy import update

from db.connection import Database
from db.tables import images
from db.values import ImageStatus, Mark
from sdq_core.errors import InputMissingError


class Marks:
    """Marks images. They belong to an image, not to a batch that asks for it, and stay when it is drawn anew.

    Changes are durable and may be repeated.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, image_id: int, mark: Mark | None) -> None:
        """Give a finished image a mark in place of the one that it has; None for none.

        Raise InputMissingError for an image that is not there or not finished.
        """
        statement = (
            update(images)
            .where(images.c.id == image_id, images.c.status == str(ImageStatus.DONE))
            .values({str(one): one is mark for one in Mark})
        )
        with self._database.writing(durable=True) as connection:
            if not connection.execute(statement).rowcount:
                raise InputMissingError(
                    "That image is not finished, so there is nothing to mark yet."
                )
