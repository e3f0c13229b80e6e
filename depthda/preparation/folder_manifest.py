"""``manifest.json`` of a prepared folder: how it was made, and which images are done."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from depthda.errors import UserError
from depthda.io.files import atomic_path, remove_empty, remove_strays
from depthda.io.manifest import NAME, UNFINISHED, read_manifest, write_manifest
from depthda.preparation.folder_obsolete import (
    Obsolete,
    changed_settings,
    find_obsolete,
    refuse,
)
from depthda.preparation.folder_scene import Scene
from depthda.version import __version__

_SECONDS = 5  # of work that a killed run may lose


class FolderManifest:
    """The manifest that is there, or a new one; a folder of anything else is refused.

    Args:
        out: The folder that one run at a time writes to.
        about: ``classes``, ``palette``, ``domain``, ``labels`` (whether there are any), ``depth``
            (its folder), ``image_suffix`` and ``settings``, by which tiles of one making are known.
    """

    def __init__(self, out: Path, about: Mapping[str, Any]) -> None:
        self.out = out
        _check_siblings(out, about)
        labels = ['labels'] if about['labels'] else []
        self.products = ['images', *labels, *([about['depth']] if about['depth'] else [])]
        self._before = read_manifest(out)
        others = [each.name for each in out.iterdir()] if out.exists() else []
        ours = self._before is not None and {'settings', 'scenes'} <= set(self._before)
        if not ours and any(name[0] != '.' for name in others):
            raise UserError(f'{out} holds something else already: name another folder')
        self.content = dict(
            about,
            version=__version__,
            complete=False,
            splits={},
            crossing=0,  # tiles on both sides of a cut
            unlisted=0,  # images in no list
            shared=0,  # pairs of tiles of different splits that show the same ground
            scenes={},
        )

    def compare(
        self, jobs: Iterable[tuple[Scene, Iterable[str]]], splits: Sequence[str], replace: bool
    ) -> Obsolete:
        """Find what has to be removed before these tiles are cut; refuse it without ``replace``."""
        planned = {scene.name: (_identities(scene), set(tiles)) for scene, tiles in jobs}
        settings, before = self.content['settings'], self._before or {}
        obsolete = find_obsolete(self.out, before, settings, planned, self.products, splits)
        if obsolete and not replace:
            refuse(self.out, obsolete, before, settings)
        if not changed_settings(before.get('settings') or {}, settings):
            self.content['scenes'] = {
                name: entry
                for name, entry in before.get('scenes', {}).items()
                if name in planned and entry['files'] == planned[name][0]
            }
        return obsolete

    def begin(self, obsolete: Obsolete) -> None:
        """Remove what is obsolete, and what killed runs left half written; then write it."""
        if obsolete and self._before:
            # With its old content, so that a run which is killed here is repeated, not continued.
            write_manifest(self.out, self._before | dict(complete=False), complete=False)
        obsolete.remove()
        for folder, _, _ in os.walk(self.out):
            remove_strays(folder)
        self._write()

    def abandon(self) -> None:
        """Keep what a failed run has done; leave nothing where it has done nothing."""
        remove_empty(self.out)
        if any(entry['tiles'] for entry in self.content['scenes'].values()):
            with suppress(OSError):  # a full disk: the images since the last time are cut again
                self._write()
        else:
            (self.out / UNFINISHED).unlink(missing_ok=True)

    def is_done(self, scene: Scene, tiles: Iterable[str]) -> bool:
        """Whether these tiles of the image are all there, and of its files as they are."""
        entry, wanted = self.content['scenes'].get(scene.name), set(tiles)
        if entry is None or entry['files'] != _identities(scene):
            return False
        whole = set(entry['tiles']) <= wanted and len(entry['tiles']) + entry['empty'] == len(
            wanted
        )
        return whole and all(
            (self.out / product / f'{tile}{self._suffix(product)}').is_file()
            for tile in entry['tiles']
            for product in self.products
        )

    def enter(self, scene: Scene, facts: Mapping[str, Any]) -> None:
        """Say of an image that its tiles are written."""
        self.content['scenes'][scene.name] = dict(facts, files=_identities(scene))
        # Ten thousand small images must not write ten thousand manifests.
        if time.monotonic() - self._written > _SECONDS:
            self._write()

    def finish(
        self, splits: Mapping[str, str | None], named: Sequence[str], about: Mapping[str, int]
    ) -> None:
        """Write the list of each split, and the manifest in the order of the names."""
        scenes = self.content['scenes'] = dict(sorted(self.content['scenes'].items()))
        tiles = sorted(tile for entry in scenes.values() for tile in entry['tiles'])
        if not tiles:
            raise UserError('not one tile holds a pixel of an image: check the images')
        for split in named:
            listed = [tile for tile in tiles if splits[tile] == split]
            with atomic_path(self.out / f'{split}.txt') as beside:
                beside.write_text(''.join(f'{tile}\n' for tile in listed), encoding='utf-8')
            self.content['splits'][split] = len(listed)
        self.content |= dict(about, complete=True)
        self._write()

    def _suffix(self, product: str) -> str:
        return self.content['image_suffix'] if product == 'images' else '.png'

    def _write(self) -> None:
        write_manifest(self.out, self.content, self.content['complete'])
        self._written = time.monotonic()


def _check_siblings(out: Path, about: Mapping[str, Any]) -> None:
    """Domains of one set lie side by side, and have one list of classes."""
    if about['domain'] is None or not about['classes']:
        return
    found = out.absolute().parent.glob('*/manifest*.json')
    for folder in sorted({path.parent for path in found if path.name in (NAME, UNFINISHED)}):
        other = read_manifest(folder)
        if folder.name == out.name or not (other.get('domain') and other.get('classes')):
            continue
        if other['classes'] != about['classes']:
            raise UserError(
                f'the domain {other["domain"]} in {folder} has the classes '
                f'{", ".join(other["classes"])}: domains of one set have the same, in one order'
            )


def _identities(scene: Scene) -> dict[str, Any]:
    """What tells that a file is the one that was cut."""
    return {
        product: [path.name, (found := path.stat()).st_size, found.st_mtime_ns]
        for product, path in scene.files.items()
    }
