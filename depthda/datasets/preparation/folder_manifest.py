"""``manifest.json`` of a prepared folder: how it was made, and which images are done."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import depthda
from depthda.datasets.preparation.folder_scene import Scene
from depthda.errors import UserError
from depthda.files import atomic_path, read_json, remove_strays, write_json

MANIFEST = 'manifest.json'
_SECONDS = 5  # of work that a killed run may lose


class FolderManifest:
    """The manifest that is there, or a new one; a folder of other tiles is refused.

    Args:
        out: The folder that one run at a time writes to.
        about: ``classes``, ``palette``, ``domain``, ``labels`` (whether there are any), ``depth``
            (its folder) and ``settings``, by which tiles of one making are known.
    """

    def __init__(self, out: Path, about: Mapping[str, Any]) -> None:
        self.out, self._path = out, out / MANIFEST
        _check_siblings(out, about)
        labels = ['labels'] if about['labels'] else []
        self.products = ['images', *labels, *([about['depth']] if about['depth'] else [])]
        content = read_json(self._path)
        if content is not None and any(each.is_dir() for each in out.iterdir()):
            before, now = content.get('settings') or {}, about['settings']
            if odd := [key for key in now if before.get(key) != now[key]]:
                was, asked = (_say(odd[0], each.get(odd[0])) for each in (before, now))
                raise UserError(
                    f'{out} was made with {was}, and {asked} is asked for: name another folder, '
                    'or remove this one'
                )
        elif any(each.name != MANIFEST and each.name[0] != '.' for each in out.iterdir()):
            raise UserError(f'{out} holds something else already: name another folder')
        self.content = dict(
            about,
            version=depthda.__version__,
            complete=False,
            splits={},
            crossing=0,  # tiles on both sides of a cut
            unlisted=0,  # images in no list
            shared=0,  # pairs of tiles of different splits that show the same ground
            scenes=(content or {}).get('scenes', {}),
        )

    def begin(self) -> None:
        """Write it, and remove what killed runs left half written."""
        for folder, _, _ in os.walk(self.out):
            remove_strays(folder)
        self._write()

    def forget(self, names: set[str], splits: Mapping[str, str | None]) -> None:
        """Remove the tiles of images that are gone, and those that are in no split now."""
        for name in sorted(set(self.content['scenes']) - names):
            self._remove(self.content['scenes'].pop(name)['tiles'])
        for entry in self.content['scenes'].values():
            self._remove(tile for tile in entry['tiles'] if splits.get(tile) is None)

    def is_done(self, scene: Scene, tiles: Iterable[str]) -> bool:
        """Whether these tiles of the image are all there, and of its files as they are."""
        entry, wanted = self.content['scenes'].get(scene.name), set(tiles)
        if entry is None or entry['files'] != _identities(scene):
            return False
        whole = set(entry['tiles']) <= wanted and len(entry['tiles']) + entry['empty'] == len(
            wanted
        )
        return whole and all(
            (self.out / product / f'{tile}.png').is_file()
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

    def _write(self) -> None:
        write_json(self._path, self.content)
        self._written = time.monotonic()

    def _remove(self, tiles: Iterable[str]) -> None:
        for tile in tiles:
            for product in self.products:
                (self.out / product / f'{tile}.png').unlink(missing_ok=True)


def _say(key: str, value: Any) -> str:
    return f'no {key}' if value is None else f'{key} {value}'


def _check_siblings(out: Path, about: Mapping[str, Any]) -> None:
    """Domains of one set lie side by side, and have one list of classes."""
    if about['domain'] is None or not about['classes']:
        return
    for path in sorted(out.absolute().parent.glob(f'*/{MANIFEST}')):
        other = read_json(path)
        if path.parent.name == out.name or not (other.get('domain') and other.get('classes')):
            continue
        if other['classes'] != about['classes']:
            raise UserError(
                f'the domain {other["domain"]} in {path.parent} has the classes '
                f'{", ".join(other["classes"])}: domains of one set have the same, in one order'
            )


def _identities(scene: Scene) -> dict[str, Any]:
    """What tells that a file is the one that was cut."""
    return {
        product: [path.name, (found := path.stat()).st_size, found.st_mtime_ns]
        for product, path in scene.files.items()
    }
