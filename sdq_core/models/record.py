"""What `sdq models pull` writes beside the parts: where they came from and what each file must contain."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sdq_core.errors import InputError, StorageError
from sdq_core.models.hub import sha256_of

RECORD_FILE = ".sdq-model.json"
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class PulledFile:
    """A file's size in bytes and the sha256 of its content (the Hub's own for large files)."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class PullRecord:
    """Where one folder came from.

    repository, commit: the packages'.
    base, base_commit: the settings'.
    files: path within the folder -> file.
    archives: the zips that the parts were in, by their paths in the repository; none if it has them unpacked.
    size: what `--size` chose.
    all_parts: whether also those were unpacked that drawing does not need.
    unet: the folder in the repository that `--unet` chose.
    license: the packages' licence by the Hub's name, else that of the settings; None for none, and before 0.2.
    """

    repository: str
    commit: str
    base: str | None
    base_commit: str | None
    files: Mapping[str, PulledFile]
    license: str | None = None
    archives: Sequence[str] = ()
    size: str | None = None
    all_parts: bool = False
    unet: str | None = None

    def of_files_in(self, folder: Path) -> PullRecord:
        """Return the record with every file that is in a folder."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return replace(
            self,
            files={
                file.relative_to(folder).as_posix(): PulledFile(
                    size=file.stat().st_size, sha256=sha256_of(file)
                )
                for file in files
            },
        )

    def write(self, folder: Path) -> None:
        """Write the record into a folder."""
        text = json.dumps({"version": _VERSION, **asdict(self)}, indent=1, sort_keys=True)
        (folder / RECORD_FILE).write_text(text + "\n", encoding="utf-8")


def read_pull_record(folder: Path) -> PullRecord | None:
    """Return a folder's record; None for a folder that sdq did not pull."""
    path = folder / RECORD_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("version") != _VERSION:
            raise InputError(f"{path} was written by a newer sdq. Update sdq.")
        files = {name: PulledFile(**entry) for name, entry in content.pop("files").items()}
        return PullRecord(files=files, **content)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            f"Cannot read {path} ({error.strerror}). Check its disk and permissions."
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError):
        raise StorageError(f"{path} is damaged. Remove the model and pull it again.") from None


def differences(folder: Path, record: PullRecord) -> Iterator[str]:
    """Read every file and yield what is missing, truncated or changed, a clause each."""
    for name, wanted in record.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != wanted.size:
                yield f"{name} has {size} bytes instead of {wanted.size}"
            elif sha256_of(path) != wanted.sha256:
                yield f"{name} has changed (its sha256 is not {wanted.sha256[:12]}...)"
        except FileNotFoundError:
            yield f"{name} is missing"
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}"
