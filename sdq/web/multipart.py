"""Forms with files, as browsers and clients upload them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from starlette.requests import Request

from sdq.web.body import body_file
from sdq_core.errors import InputError

_TYPE = "multipart/form-data"
_MOST_FIELDS, _MOST_FIELD_BYTES = 20, 10_000
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """A file of a form, which lies on the disk if it is large. name: as the client gives it. field: of the form."""

    name: str
    field: str
    content: BinaryIO


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """A form with its files, without those fields for files that were left empty."""

    fields: Mapping[str, str]
    files: Sequence[UploadedFile]


@contextmanager
def read_form(
    request: Request, *, most_fields: int = _MOST_FIELDS, most_field_bytes: int = _MOST_FIELD_BYTES
) -> Iterator[UploadForm]:
    """Yield the form that a request sent; raise InputError for anything else.

    most_fields: with its files. most_field_bytes: of a field that is no file.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import Field, File, create_form_parser

    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith(_TYPE):
        raise InputError(f"The file has to be sent as {_TYPE}.")
    fields: dict[str, str] = {}
    files: list[File] = []

    def count() -> None:
        if len(fields) + len(files) > most_fields:
            raise InputError(f"A form may have {most_fields:,} fields and files.")

    def on_field(field: Field) -> None:
        name = _text(field.field_name)
        fields[name] = _text(field.value)
        if len(field.value or b"") > most_field_bytes:
            raise InputError(
                f"The field {name[:40]!r} may have {most_field_bytes:,} bytes. Send a file."
            )
        count()

    def on_file(file: File) -> None:
        files.append(file)
        count()

    try:
        try:
            parser = create_form_parser(
                {"Content-Type": content_type.encode("latin-1")},
                on_field,
                on_file,
            )
            body = body_file(request)
            while chunk := body.read(_CHUNK_BYTES):
                parser.write(chunk)
            parser.finalize()
        except FormParserError as error:
            raise InputError(f"The form cannot be read ({error}).") from None
        yield UploadForm(
            fields=fields,
            files=[
                UploadedFile(
                    name=_text(file.file_name),
                    field=_text(file.field_name),
                    content=cast(BinaryIO, file.file_object),
                )
                for file in files
                if file.file_name or file.size
            ],
        )
    finally:
        for file in files:
            file.close()


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")
