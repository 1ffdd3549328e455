"""Pulling a model that a repository has as a zip, or as a zip a part.

The zips are downloaded first and stay until the model is in its place: an interrupted pull only unpacks them again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import StorageError
from sdq_core.models import hub
from sdq_core.models.archives import Packed, needed_zips
from sdq_core.models.bases import places_of
from sdq_core.models.building import build, choose_places, make_folder, move_part
from sdq_core.models.finder import PartsPlace, find_places
from sdq_core.models.layout import settings_beside
from sdq_core.models.parts import split_download
from sdq_core.models.pulled import Pulled, Request, folder_of, model_name
from sdq_core.models.record import PulledFile, PullRecord, differences, read_pull_record
from sdq_core.models.staging import put_in_place, require_ours, require_room
from sdq_core.models.zips import Zip, unpack
from sdq_core.values.variants import AttentionImplementation


@dataclass(frozen=True, kw_only=True)
class ZipsPull:
    """Zips on their way to this disk.

    listing: the files of the repository.
    models: where each variant's folder comes.
    staging: where zips arrive and are unpacked.
    say: told what is being downloaded.
    """

    request: Request
    listing: hub.Listing
    models: Path
    staging: Path
    say: Callable[[str], None]

    def model(self, packed: Packed, asked: AttentionImplementation | None) -> list[Pulled]:
        """Download and unpack a model's zips, unless what is in them is here already."""
        wanted = needed_zips(packed, all_parts=self.request.all_parts)
        if here := list(self._here(wanted)):
            return here
        # Weights hardly shrink.
        packed_bytes = sum(self.listing.files[path].size or 0 for path in wanted)
        require_room(self.listing, wanted, self.staging, unpacked_bytes=packed_bytes)
        self.say(f"{self.request.repository} at {self.listing.commit[:12]}: {', '.join(wanted)}")
        arrived = self.staging / "parts"
        for path in wanted:
            hub.fetch(self.listing, path, arrived)
        unpacking = self.staging / "unpacking"
        shutil.rmtree(unpacking, ignore_errors=True)
        # Deeper than settings are looked for, so that only the repository's own are found.
        inside = unpacking / "zip" / "model"
        make_folder(inside)
        try:
            zips = [
                Zip.read(arrived / path, f"{path} of {self.request.repository}") for path in wanted
            ]
            left_out = unpack(
                zips, inside, kind=self.request.kind, all_parts=self.request.all_parts
            )
            self._fetch_settings(packed, inside)
            found = find_places([(inside, packed.steps)])
            name = ", ".join(wanted)

            def tell(sentence: str) -> None:
                self.say(sentence.replace(str(inside), name))

            for sentence in left_out:
                tell(sentence)
            places = choose_places(Path(self.request.repository), found, asked, tell)
            return [
                self._build(attention, place, packed, wanted, tell)
                for attention, place in places.items()
            ]
        except OSError as error:
            raise StorageError(
                f"Cannot unpack into {self.staging} ({error.strerror}). Check the disk and pull again."
            ) from error

    def _build(
        self,
        attention: AttentionImplementation,
        place: PartsPlace,
        packed: Packed,
        wanted: list[str],
        say: Callable[[str], None],
    ) -> Pulled:
        building = self.staging / "building"
        built = build(
            attention,
            place,
            building,
            self.request.base,
            put=move_part,
            say=say,
            called=self.request.repository,
        )
        size = f"{built.folder.width}x{built.folder.height}"
        if packed.size not in {None, size}:
            say(f"{', '.join(wanted)} is named {packed.size}, but its U-Net draws {size}.")
        name = model_name(self.request, size if packed.size else None)
        target = folder_of(self.models, name, attention, place.kind)
        require_ours(target)
        PullRecord(
            repository=self.request.repository,
            commit=self.listing.commit,
            base=built.base.repository if built.base else None,
            base_commit=built.base.commit if built.base else None,
            files=dict(_files_in(building)),
            license=self.listing.license or (built.base.license if built.base else None),
            archives=wanted,
            size=packed.size,
            all_parts=self.request.all_parts,
        ).write(building)
        put_in_place(building, target)
        return Pulled.at(target, attention, fresh=True)

    def _fetch_settings(self, packed: Packed, inside: Path) -> None:
        """Download the settings that the repository has beside its zips or above them."""
        for setting, path in settings_beside(self.listing.files, packed.folder).items():
            if not (inside / setting).exists():
                hub.fetch(self.listing, path, self.staging / "settings")
                (inside / setting).parent.mkdir(exist_ok=True)
                shutil.copyfile(self.staging / "settings" / path, inside / setting)

    def _here(self, wanted: list[str]) -> Iterator[Pulled]:
        """Yield what is already here of these zips, every byte of it."""
        name = model_name(self.request, None)
        for folder in sorted(self.models.iterdir()):
            model, attention = split_download(folder.name)
            if attention is None or not (model == name or model.startswith(f"{name}_")):
                continue
            record = read_pull_record(folder)
            if (
                record
                and (record.repository, record.commit)
                == (self.listing.repository, self.listing.commit)
                and list(record.archives) == wanted
                and record.all_parts >= self.request.all_parts
                and (not self.request.base or record.base in places_of(self.request.base))
                and not any(differences(folder, record))
            ):
                yield Pulled.at(folder, attention, fresh=False)


def _files_in(folder: Path) -> Iterator[tuple[str, PulledFile]]:
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = file.relative_to(folder).as_posix()
        yield name, PulledFile(size=file.stat().st_size, sha256=hub.sha256_of(file))
