"""Pulling packages or compiled models that a repository has as they are, file by file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import PackageError
from sdq_core.models import hub
from sdq_core.models.base_settings import COMPLETED, complete
from sdq_core.models.check import check_unet, read_unet
from sdq_core.models.layout import SETTINGS, PartsFolder, settings_beside
from sdq_core.models.network import read_network
from sdq_core.models.parts import part_of
from sdq_core.models.pulled import Pulled, Request, folder_of
from sdq_core.models.record import PulledFile, PullRecord, differences, read_pull_record
from sdq_core.models.staging import put_in_place, require_ours, require_room
from sdq_core.models.unets import unet_parts
from sdq_core.values.variants import AttentionImplementation


@dataclass(frozen=True, kw_only=True)
class PartsPull:
    """Packages or compiled models on their way to this disk, file by file.

    kind: of `KINDS`.
    listing: the files of the repository.
    settings: the files of the repository that has the tokenizer and the scheduler, None if none is known.
    models: where each variant's folder comes.
    name: of the model.
    staging: where files arrive.
    say: told what is being downloaded.
    """

    request: Request
    kind: str
    listing: hub.Listing
    settings: hub.Listing | None
    models: Path
    name: str
    staging: Path
    say: Callable[[str], None]

    def variant(self, source: PartsFolder, asked: AttentionImplementation | None) -> Pulled:
        """Download one variant, unless it is here already. asked: what was asked for where the folder names nothing."""
        named = source.attention_implementation
        # A folder that says nothing has one variant, which an earlier pull found out.
        possible = (
            word for word in AttentionImplementation if read_pull_record(self._folder(word))
        )
        said = named or asked
        for attention in (said,) if said else possible:
            if self._is_here(attention, source):
                return Pulled.at(self._folder(attention), attention, fresh=False)
        wanted = source.needed(all_parts=self.request.all_parts)
        require_room(self.listing, wanted, self.staging)
        self.say(
            f"{self.request.repository} at {self.listing.commit[:12]}: {source.path or 'top'}, {len(wanted)} files"
        )
        parts = self.staging / "parts" / source.path
        files = self._fetch(source, wanted, parts)
        attention = _detected(parts, files, named, asked)
        if named not in {None, attention}:
            self.say(f"{source.path} is named {named}, but its U-Net is {attention}.")
        _drop_what_is_not_wanted(parts, files)
        base = self.settings
        if base is None:
            complete(parts, self.request.repository, self.name, self.say)
            files |= _recorded(parts, (path for path in COMPLETED if path not in files))
        record = PullRecord(
            repository=self.request.repository,
            commit=self.listing.commit,
            base=base.repository if base else None,
            base_commit=base.commit if base else None,
            files=files,
            license=self.listing.license or (base.license if base else None),
            size=self.request.size,
            unet=source.unet or None,
        )
        record.write(parts)
        target = self._folder(attention)
        require_ours(target)
        put_in_place(parts, target)
        return Pulled.at(target, attention, fresh=True)

    def _fetch(
        self, source: PartsFolder, wanted: Sequence[str], parts: Path
    ) -> dict[str, PulledFile]:
        """Download the parts and the settings of a variant into one folder."""
        files: dict[str, PulledFile] = {}
        # What describes the networks first: nobody should wait for gigabytes of a model that cannot be drawn.
        ordered = sorted(wanted, key=_is_weights)
        described = sum(not _is_weights(path) for path in wanted)
        for number, path in enumerate(ordered):
            if number == described:
                _refuse_undrawable(parts, self.request.repository)
            sha256 = hub.fetch(self.listing, path, self.staging / "parts")
            inside = source.inside(path)
            _place(self.staging / "parts" / path, parts / inside)
            files[inside] = PulledFile(size=(parts / inside).stat().st_size, sha256=sha256)
        listing = self.settings or self.listing
        if self.settings:
            settings = {path: path for path in SETTINGS if path in listing.files}
        else:
            settings = settings_beside(listing.files, source.path)
        for setting, path in settings.items():
            if path in wanted and listing is self.listing:  # beside the parts, where it may stay
                continue
            sha256 = hub.fetch(listing, path, self.staging / "settings")
            arrived = self.staging / "settings" / path
            files[setting] = PulledFile(size=arrived.stat().st_size, sha256=sha256)
            (parts / setting).parent.mkdir(exist_ok=True)
            shutil.copyfile(arrived, parts / setting)
        return files

    def _is_here(self, attention: AttentionImplementation, source: PartsFolder) -> bool:
        """Whether the variant is already here, every byte of it."""
        target = self._folder(attention)
        require_ours(target)
        record = read_pull_record(target)
        if (
            record is None
            or (record.repository, record.commit) != (self.listing.repository, self.listing.commit)
            or not self.request.takes_base(record.base)
            or (record.unet or "") != source.unet
        ):
            return False
        needed = {source.inside(path) for path in source.needed(all_parts=self.request.all_parts)}
        return needed <= record.files.keys() and not any(differences(target, record))

    def _folder(self, attention: AttentionImplementation) -> Path:
        return folder_of(self.models, self.name, attention, self.kind)


def _place(arrived: Path, target: Path) -> None:
    """Have a file that arrived beside the parts among them; it stays where it is, or it would be downloaded again."""
    if arrived == target:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(arrived)
    except OSError:  # a file system without links
        shutil.copyfile(arrived, target)


def _is_weights(path: str) -> bool:
    return path.endswith("/weight.bin")


def _refuse_undrawable(parts: Path, repository: str) -> None:
    """Raise PackageError if the U-Net's description, which is here already, is of a kind that cannot be drawn."""
    there = {part: path for path in parts.iterdir() if (part := part_of(path.name))}
    try:
        check_unet(read_unet(there, unet_parts(there), weights=False))
    except PackageError as error:
        raise PackageError(f"{repository} was not pulled: {error}") from error


def _detected(
    parts: Path,
    files: dict[str, PulledFile],
    said: AttentionImplementation | None,
    asked: AttentionImplementation | None,
) -> AttentionImplementation:
    there = {part_of(name): name for name in {path.split("/", 1)[0] for path in files}}
    unet = there[unet_parts(there)[0]]
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


def _drop_what_is_not_wanted(parts: Path, files: dict[str, PulledFile]) -> None:
    """Remove what an earlier pull with other options left, and huggingface_hub's own files."""
    kept = {name.split("/", 1)[0] for name in files}
    for entry in parts.iterdir():
        if entry.name not in kept:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _recorded(folder: Path, paths: Iterable[str]) -> dict[str, PulledFile]:
    return {
        path: PulledFile(size=(folder / path).stat().st_size, sha256=hub.sha256_of(folder / path))
        for path in paths
        if (folder / path).is_file()
    }
