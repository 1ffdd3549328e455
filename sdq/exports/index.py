"""The index of a data set: what it was made with, its finished parts, and which sample is in which.

It is an SQLite file in the data set's folder, hidden, which readers of data sets pass over. A part and its samples are
added in one durable transaction once the part is in its place. So whatever dies, the next export finds either a part
that is listed and complete, or one that it writes again.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sdq.exports.format import SplitState
from sdq_core.errors import OutputError, SdqError, StorageError

INDEX = ".sdq-export.db"

_VERSION = 1
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    split TEXT NOT NULL,
    number INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    files TEXT NOT NULL,
    tally TEXT NOT NULL,
    UNIQUE (split, number)
);
CREATE TABLE samples (key TEXT PRIMARY KEY, part_id INTEGER NOT NULL) WITHOUT ROWID;
"""
_WAITING = """
DROP TABLE IF EXISTS waiting;
CREATE TABLE waiting (place BLOB PRIMARY KEY, slice_id INTEGER, image_id INTEGER) WITHOUT ROWID;
"""


class Index:
    """An opened index; `opened` is the way in."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder

    @classmethod
    @contextlib.contextmanager
    def opened(cls, folder: Path) -> Iterator[Index]:
        """Open or make the index of a data set for the block, whose folder exists.

        Raise OutputError for what is no index, and translate what SQLite raises in the block.
        """
        file = folder / INDEX
        try:
            with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA cache_size=-16000")
                with _transaction(connection):
                    _make(connection)
                index = cls(connection, folder)
                if index._about("version") != _VERSION:
                    raise OutputError(
                        f"{file} was made by another version of sdq. Export into a new folder."
                    )
                yield index
        except sqlite3.Error as error:
            raise _translated(error, file) from error

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that the data set keeps to."""
        options: Mapping[str, Any] = self._about("options") or {}
        return options

    def begin(self, options: Mapping[str, Any]) -> None:
        """Begin a data set that is to keep to these options. Nothing is in it yet."""
        self._set_about("options", options)
        self._set_about("conditions", [])

    @property
    def conditions(self) -> Sequence[str]:
        """The conditions by which the exports so far chose their images; an empty one for all images."""
        conditions: Sequence[str] = self._about("conditions") or ()
        return conditions

    def add_condition(self, condition: str) -> None:
        """Note the condition of an export."""
        if condition not in (known := self.conditions):
            self._set_about("conditions", [*known, condition])

    @property
    def is_finished(self) -> bool:
        """Whether what is about all parts was written after the last of them."""
        return self._about("finished") is True

    def set_finished(self) -> None:
        """Note that it was written."""
        self._set_about("finished", True)

    @property
    def columns(self) -> Sequence[str] | None:
        """The columns of numbers that the data set's rows have; None before the first export has set them."""
        columns: Sequence[str] | None = self._about("columns")
        return columns

    def set_columns(self, columns: Sequence[str]) -> None:
        """Set the columns of numbers that the data set's rows have."""
        self._set_about("columns", columns)

    def has(self, key: str) -> bool:
        """Whether a sample is in a finished part."""
        found = self._connection.execute("SELECT 1 FROM samples WHERE key = ?", (key,))
        return found.fetchone() is not None

    def add_part(
        self,
        split: str,
        number: int,
        keys: Sequence[str],
        *,
        size_bytes: int,
        files: Iterable[Path],
        tally: Mapping[str, Any],
    ) -> None:
        """Note a part that is in its place, durably. tally: what the card says of its samples."""
        names = [file.relative_to(self._folder).as_posix() for file in files]
        with _transaction(self._connection):
            added = self._connection.execute(
                "INSERT INTO parts (split, number, samples, size_bytes, files, tally) VALUES (?, ?, ?, ?, ?, ?)",
                (split, number, len(keys), size_bytes, json.dumps(names), json.dumps(tally)),
            )
            part_id = added.lastrowid
            self._connection.executemany(
                "INSERT INTO samples (key, part_id) VALUES (?, ?)",
                ((key, part_id) for key in keys),
            )
            self._connection.execute("DELETE FROM about WHERE name = 'finished'")

    def splits(self) -> dict[str, SplitState]:
        """Return what the data set has of each split."""
        rows = self._connection.execute(
            "SELECT split, max(number) + 1, sum(samples), sum(size_bytes) FROM parts GROUP BY split ORDER BY split"
        )
        return {
            split: SplitState(parts=parts, samples=samples, size_bytes=size_bytes)
            for split, parts, samples, size_bytes in rows
        }

    def files(self) -> Iterator[Path]:
        """Yield what the finished parts are in: files, or folders of them."""
        for (names,) in self._connection.execute("SELECT files FROM parts ORDER BY id"):
            for name in json.loads(names):
                yield self._folder / name

    def tallies(self) -> Iterator[Mapping[str, Any]]:
        """Yield what the card says of each part's samples."""
        for (tally,) in self._connection.execute("SELECT tally FROM parts ORDER BY id"):
            yield json.loads(tally)

    def collect(self, waiting: Iterable[tuple[bytes, int, int]]) -> None:
        """Keep images until `collected`: place in the order, slice that asks for it, and id."""
        self._connection.executescript(_WAITING)
        with _transaction(self._connection):
            self._connection.executemany("INSERT OR IGNORE INTO waiting VALUES (?, ?, ?)", waiting)

    def collected(self, at_once: int) -> Iterator[list[tuple[int, int]]]:
        """Yield slices and ids of the images that were collected, in their order, so many at once; forget them."""
        after = b""
        while True:
            rows = self._connection.execute(
                "SELECT place, slice_id, image_id FROM waiting WHERE place > ? ORDER BY place LIMIT ?",
                (after, at_once),
            ).fetchall()
            if not rows:
                break
            after = rows[-1][0]
            yield [(slice_id, image_id) for _, slice_id, image_id in rows]
        self._connection.execute("DROP TABLE waiting")

    def _about(self, name: str) -> Any:
        row = self._connection.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def _set_about(self, name: str, value: Any) -> None:
        with _transaction(self._connection):
            self._connection.execute(
                "INSERT OR REPLACE INTO about VALUES (?, ?)", (name, json.dumps(value))
            )


def _make(connection: sqlite3.Connection) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables:
        return
    for statement in filter(str.strip, _TABLES.split(";")):
        connection.execute(statement)
    connection.execute("INSERT INTO about VALUES ('version', ?)", (json.dumps(_VERSION),))


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _translated(error: sqlite3.Error, file: Path) -> SdqError:
    if isinstance(error, sqlite3.OperationalError):
        if "readonly" in str(error) or "unable to open" in str(error):
            return OutputError(f"{file} cannot be written ({error}). Check its permissions.")
        return StorageError(
            f"{file} cannot be written ({error}). Check the disk, or free some space; the same command goes on from "
            "here."
        )
    return OutputError(f"{file} is not an index of an export ({error}). Export into a new folder.")
