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
from sdq_core.models.base_settings import copy_settings
from sdq_core.models.building import build, choose_places, make_folder, move_part
from sdq_core.models.finder import PartsPlace, find_places
from sdq_core.models.layout import settings_beside
from sdq_core.models.parts import size_in, split_download
from sdq_core.models.pulled import Pulled, Request, folder_of, model_name
from sdq_core.models.record import PullRecord, differences, read_pull_record
from sdq_core.models.staging import put_in_place, require_ours, require_room
from sdq_core.models.zips import Zip, unpack
from sdq_core.values.variants import AttentionImplementation

_UNPACKING, _BUILDING = "unpacking", "building"


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
        if here := list(self._here(wanted, asked)):
            return here
        # What an interrupted pull unpacked takes the room that this one needs.
        self._clear()
        # Weights hardly shrink.
        packed_bytes = sum(self.listing.files[path].size or 0 for path in wanted)
        require_room(self.listing, wanted, self.staging, unpacked_bytes=packed_bytes)
        self.say(f"{self.request.repository} at {self.listing.commit[:12]}: {', '.join(wanted)}")
        arrived = self.staging / "parts"
        for path in wanted:
            hub.fetch(self.listing, path, arrived)
        # Deeper than settings are looked for, so that only the zip's own are found.
        inside = self.staging / _UNPACKING / "zip" / "model"
        make_folder(inside)
        try:
            zips = [
                Zip.read(arrived / path, f"{path} of {self.request.repository}") for path in wanted
            ]
            left_out = unpack(
                zips, inside, kind=self.request.kind, all_parts=self.request.all_parts
            )
            found = find_places([(inside, packed.steps)])
            name = ", ".join(wanted)

            def tell(sentence: str) -> None:
                self.say(sentence.replace(str(inside), name))

            for sentence in left_out:
                tell(sentence)
            places = choose_places(Path(self.request.repository), found, asked, tell)
            for place in places.values():
                self._add_settings(packed, place.folder)
            return [
                self._build(attention, place, packed, wanted, tell)
                for attention, place in places.items()
            ]
        except OSError as error:
            raise StorageError(
                f"Cannot unpack into {self.staging} ({error.strerror}). Check the disk and pull again."
            ) from error
        finally:
            self._clear()

    def _clear(self) -> None:
        """Remove what was unpacked, but not the zips."""
        for name in (_UNPACKING, _BUILDING):
            shutil.rmtree(self.staging / name, ignore_errors=True)

    def _build(
        self,
        attention: AttentionImplementation,
        place: PartsPlace,
        packed: Packed,
        wanted: list[str],
        say: Callable[[str], None],
    ) -> Pulled:
        building = self.staging / _BUILDING
        built = build(
            attention,
            place,
            building,
            self.request.base,
            name=model_name(self.request, None),
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
            files={},
            license=self.listing.license or (built.base.license if built.base else None),
            archives=wanted,
            size=packed.size,
            all_parts=self.request.all_parts,
        ).of_files_in(building).write(building)
        put_in_place(building, target)
        return Pulled.at(target, attention, fresh=True)

    def _add_settings(self, packed: Packed, folder: Path) -> None:
        """Put settings beside the parts in a folder: the zip's own, then those beside the zip or above it."""
        for place in (folder, folder.parent, folder.parent.parent):
            copy_settings(place, folder)
        for setting, path in settings_beside(self.listing.files, packed.folder).items():
            if not (folder / setting).exists():
                hub.fetch(self.listing, path, self.staging / "settings")
                (folder / setting).parent.mkdir(exist_ok=True)
                shutil.copyfile(self.staging / "settings" / path, folder / setting)

    def _here(self, wanted: list[str], asked: AttentionImplementation | None) -> Iterator[Pulled]:
        """Yield what is already here of these zips under the name that is asked for, every byte of it."""
        for folder in sorted(self.models.iterdir()):
            model, attention = split_download(folder.name)
            names = {model_name(self.request, size) for size in (None, size_in([model]))}
            if (
                attention is None
                or asked not in {None, attention}
                or model not in names
                or not folder.name.endswith(self.request.kind or "")
            ):
                continue
            record = read_pull_record(folder)
            if (
                record
                and (record.repository, record.commit)
                == (self.listing.repository, self.listing.commit)
                and list(record.archives) == wanted
                and record.all_parts >= self.request.all_parts
                and self.request.takes_base(record.base)
                and not any(differences(folder, record))
            ):
                yield Pulled.at(folder, attention, fresh=False)
