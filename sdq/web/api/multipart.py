"""Forms with a file, as clients upload them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from starlette.requests import Request

from sdq.web.api.errors import wrong
from sdq.web.body import body_file

_TYPE = "multipart/form-data"
_MOST_FIELDS, _MOST_FIELD_BYTES = 20, 10_000
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """A form. file: its first file, None without one, as it lies on the disk if it is large."""

    fields: Mapping[str, str]
    file: BinaryIO | None
    filename: str


@contextmanager
def read_form(request: Request) -> Iterator[UploadForm]:
    """Yield the form that a request sent; raise ApiError for anything else."""
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import Field, File, create_form_parser

    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith(_TYPE):
        raise wrong(f"The file has to be sent as {_TYPE}.")
    fields: dict[str, str] = {}
    files: list[File] = []

    def on_field(field: Field) -> None:
        fields[_text(field.field_name)] = _text(field.value)

    try:
        try:
            parser = create_form_parser(
                {"Content-Type": content_type.encode("latin-1")},
                on_field,
                files.append,
                config={"MAX_FIELDS": _MOST_FIELDS, "MAX_FIELD_SIZE": _MOST_FIELD_BYTES},
            )
            body = body_file(request)
            while chunk := body.read(_CHUNK_BYTES):
                parser.write(chunk)
            parser.finalize()
        except FormParserError as error:
            raise wrong(f"The form cannot be read ({error}).") from None
        first = files[0] if files else None
        yield UploadForm(
            fields=fields,
            file=cast(BinaryIO, first.file_object) if first else None,
            filename=_text(first.file_name) if first else "",
        )
    finally:
        for file in files:
            file.close()


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")
