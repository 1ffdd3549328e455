"""Pulling a model from the Hub: `models/NAME_ATTENTION_KIND/`, complete and checked, or not at all.

Files arrive in a hidden folder beside the models, where an interrupted pull resumes, and the finished folder appears by
one rename. Only what drawing needs is downloaded. Files come one after the other, so that Ctrl-C ends the pull at once;
one of them, the U-Net, is most of the size anyway.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import (
    InputMissingError,
    OutputError,
    PackageError,
    StorageError,
    TryAgainError,
)
from sdq_core.models import hub
from sdq_core.models.bases import bases_of, places_of
from sdq_core.models.folder import size_of
from sdq_core.models.hub_errors import NoRepositoryError
from sdq_core.models.layout import (
    REQUIRED_SETTINGS,
    SETTINGS,
    PartsFolder,
    choose_folders,
    choose_kind,
    one_model,
    parts_folders,
)
from sdq_core.models.network import read_network
from sdq_core.models.parts import part_of
from sdq_core.models.record import PulledFile, PullRecord, differences, read_pull_record
from sdq_core.values.variants import AttentionImplementation

_STAGING = ".pull"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to pull.

    repository, revision: where from; None for the default branch.
    variants: empty for `original`, or else the first found.
    kind: `packages` or `compiled`; None for packages if the repository has them, else compiled.
    base: the repository of the settings, None to look it up in the table.
    name: of the model, None for the repository's.
    all_parts: also those that drawing does not need.
    """

    repository: str
    variants: tuple[AttentionImplementation, ...] = ()
    kind: str | None = None
    revision: str | None = None
    base: str | None = None
    name: str | None = None
    all_parts: bool = False


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """A variant that is here now; fresh: this pull downloaded it."""

    name: str
    attention_implementation: AttentionImplementation
    folder: Path
    size_bytes: int
    fresh: bool


def pull(request: Request, models: Path, say: Callable[[str], None]) -> list[Pulled]:
    """Download the requested variants; those already here are only checked.

    Raise InputMissingError for what the Hub does not have, ConfigurationError for gated repositories,
    ServiceUnavailableError, StorageError for a full disk or damaged content, OutputError if a folder of another origin
    is in the way.
    """
    listing = hub.list_files(request.repository, request.revision)
    kind = request.kind or choose_kind(request.repository, listing.files, request.variants)
    there, others = one_model(parts_folders(listing.files, kind))
    folders = choose_folders(request.repository, there, kind, list(request.variants))
    for sentence in others:
        say(sentence)
    name = request.name or request.repository.rpartition("/")[2]
    with _staging(models, request.repository) as staging:
        download = _Download(
            request=request,
            kind=kind,
            listing=listing,
            settings=_settings_source(request, listing, folders),
            model=models / name,
            staging=staging,
            say=say,
        )
        return [
            download.variant(folder, asked)
            for folder, asked in zip(folders, request.variants or (None,), strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class _Download:
    """One repository on its way to this disk.

    kind: of `KINDS`.
    listing: the files of the repository.
    settings: the files of the repository that has the tokenizer and the scheduler.
    model: `models/NAME`, from which each variant's folder is named.
    staging: where files arrive.
    say: told what is being downloaded.
    """

    request: Request
    kind: str
    listing: hub.Listing
    settings: hub.Listing
    model: Path
    staging: Path
    say: Callable[[str], None]

    def variant(self, source: PartsFolder, asked: AttentionImplementation | None) -> Pulled:
        """Download one variant, unless it is here already. asked: what was asked for where the folder names nothing."""
        named = source.attention_implementation
        attention = named or asked
        if attention and self._is_here(attention, source):
            return self._pulled(attention, fresh=False)
        wanted = source.needed(all_parts=self.request.all_parts)
        _require_room(self.listing, wanted, self.staging)
        self.say(
            f"{self.request.repository} at {self.listing.commit[:12]}: {source.path or 'top'}, {len(wanted)} files"
        )
        parts = self.staging / "parts" / source.path
        files = self._fetch(source, wanted, parts)
        attention = _detected(parts, files, named, asked)
        if named not in {None, attention}:
            self.say(f"{source.path} is named {named}, but its U-Net is {attention}.")
        record = PullRecord(
            repository=self.request.repository,
            commit=self.listing.commit,
            base=self.settings.repository,
            base_commit=self.settings.commit,
            files=files,
            license=self.listing.license or self.settings.license,
        )
        _drop_what_is_not_wanted(parts, files)
        record.write(parts)
        target = self._folder(attention)
        _require_ours(target)
        _replace(parts, target)
        return self._pulled(attention, fresh=True)

    def _fetch(
        self, source: PartsFolder, wanted: Sequence[str], parts: Path
    ) -> dict[str, PulledFile]:
        """Download the parts and the settings of a variant into one folder."""
        files: dict[str, PulledFile] = {}
        for path in wanted:
            sha256 = hub.fetch(self.listing, path, self.staging / "parts")
            inside = path[len(source.path) :].lstrip("/")
            files[inside] = PulledFile(size=(parts / inside).stat().st_size, sha256=sha256)
        for path in (path for path in SETTINGS if path in self.settings.files):
            sha256 = hub.fetch(self.settings, path, self.staging / "settings")
            arrived = self.staging / "settings" / path
            files[path] = PulledFile(size=arrived.stat().st_size, sha256=sha256)
            (parts / path).parent.mkdir(exist_ok=True)
            shutil.copyfile(arrived, parts / path)
        return files

    def _is_here(self, attention: AttentionImplementation, source: PartsFolder) -> bool:
        """Whether the variant is already here, every byte of it."""
        target = self._folder(attention)
        _require_ours(target)
        record = read_pull_record(target)
        if record is None or (record.repository, record.commit) != (
            self.listing.repository,
            self.listing.commit,
        ):
            return False
        needed = {
            path[len(source.path) :].lstrip("/")
            for path in source.needed(all_parts=self.request.all_parts)
        }
        return needed <= record.files.keys() and not any(differences(target, record))

    def _folder(self, attention: AttentionImplementation) -> Path:
        return folder_name(self.model, attention, self.kind)

    def _pulled(self, attention: AttentionImplementation, *, fresh: bool) -> Pulled:
        folder = self._folder(attention)
        return Pulled(
            name=self.model.name,
            attention_implementation=attention,
            folder=folder,
            size_bytes=size_of(folder),
            fresh=fresh,
        )


def settings_from(places: tuple[str, ...], asked_for: str) -> hub.Listing:
    """Return the first of a base model's repositories that exists and has the settings."""
    for place in places:
        try:
            listing = hub.list_files(place, None)
        except NoRepositoryError:
            continue
        if all(path in listing.files for path in REQUIRED_SETTINGS):
            return listing
    raise InputMissingError(
        f"The tokenizer and scheduler of {asked_for} are no longer in {', '.join(places)}. Name a repository that has "
        "them with --base OWNER/NAME."
    )


def _settings_source(
    request: Request, listing: hub.Listing, folders: list[PartsFolder]
) -> hub.Listing:
    if request.base:
        return settings_from(places_of(request.base), request.repository)
    if all(path in listing.files for path in REQUIRED_SETTINGS):
        return listing
    places = bases_of(request.repository, (name for folder in folders for name in folder.names()))
    if not places:
        raise InputMissingError(
            f"{request.repository} does not say which model it was converted from. Name the repository with its "
            "tokenizer and scheduler with --base OWNER/NAME."
        )
    return settings_from(places, request.repository)


def folder_name(model: Path, attention: AttentionImplementation, kind: str) -> Path:
    """Return a variant's folder: `models/NAME` -> `models/NAME_original_packages`."""
    return model.with_name(f"{model.name}_{attention}_{kind}")


def _detected(
    parts: Path,
    files: dict[str, PulledFile],
    said: AttentionImplementation | None,
    asked: AttentionImplementation | None,
) -> AttentionImplementation:
    names = {name.split("/", 1)[0] for name in files}
    unet = next(name for name in names if part_of(name) in {"unet", "unet_chunk1"})
    network = read_network(parts / unet)
    splits = network.splits_heads
    if not network.tells_attention:
        return asked or said or AttentionImplementation.ORIGINAL
    named = AttentionImplementation.SPLIT_EINSUM if splits else AttentionImplementation.ORIGINAL
    true = {
        word: splits == (word != AttentionImplementation.ORIGINAL)
        for word in (said, asked)
        if word is not None
    }
    if asked is not None and not true[asked]:
        raise PackageError(
            f"{unet} is not {asked} but {named}. "
            f"Pull it {'without --variant' if said else 'as that --variant'}."
        )
    return next((word for word in (asked, said) if word is not None and true[word]), named)


def _require_room(listing: hub.Listing, wanted: list[str], staging: Path) -> None:
    missing = sum(
        listing.files[path].size or 0 for path in wanted if not (staging / "parts" / path).is_file()
    )
    free = shutil.disk_usage(staging).free
    if missing > free:
        raise StorageError(
            f"{listing.repository} needs {missing / 1e9:.1f} GB, but {staging.parent.parent} has "
            f"{free / 1e9:.1f} GB free. Free some space, or set SDQ_HOME to a larger disk."
        )


def _require_ours(target: Path) -> None:
    if target.exists() and read_pull_record(target) is None:
        raise OutputError(
            f"{target} already exists and was not pulled by sdq. Move it away, or pull under another --name."
        )


def _drop_what_is_not_wanted(parts: Path, files: dict[str, PulledFile]) -> None:
    """Remove what an earlier pull with other options left, and huggingface_hub's own files."""
    kept = {name.split("/", 1)[0] for name in files}
    for entry in parts.iterdir():
        if entry.name not in kept:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _replace(new: Path, target: Path) -> None:
    try:
        old = target.with_name(f".old-{target.name}")
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            f"Cannot move the model to {target} ({error.strerror}). Check the disk and pull again."
        ) from error


@contextmanager
def _staging(models: Path, repository: str) -> Iterator[Path]:
    """Yield the locked folder in which a repository arrives; it is removed once everything is in place."""
    staging = models / _STAGING / repository.replace("/", "--")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        handle = os.open(staging, os.O_RDONLY)
    except OSError as error:
        raise OutputError(
            f"Cannot create {staging} ({error.strerror}). Set SDQ_HOME to a folder of your own."
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TryAgainError(
                f"Another sdq is pulling {repository}. Try again when it is done."
            ) from None
        yield staging
        shutil.rmtree(staging, ignore_errors=True)
    finally:
        os.close(handle)
