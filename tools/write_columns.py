"""Write the table of columns in docs/columns.md from the columns themselves, so that it cannot drift (`make docs`)."""

from __future__ import annotations

from pathlib import Path

from db.columns import COLUMNS

TARGET = Path(__file__).resolve().parents[1] / "docs" / "columns.md"
#: The table is all that follows this line.
BEFORE_TABLE = "<!-- What follows is written by `make docs`. -->\n"


def page() -> str:
    """Give the whole page: what is written by hand, and the table."""
    text, _, _ = TARGET.read_text(encoding="utf-8").partition(BEFORE_TABLE)
    return text + BEFORE_TABLE + table()


def table() -> str:
    rows = ["| column | also | kind | |", "|---|---|---|---|"]
    for column in COLUMNS.values():
        also = ", ".join(f"`{alias}`" for alias in column.aliases)
        words = f": {', '.join(dict.fromkeys(column.words.values()))}" if column.words else ""
        rows.append(f"| `{column.name}` | {also} | {column.kind} | {column.about}{words} |")
    return "\n".join([*rows, ""])


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
