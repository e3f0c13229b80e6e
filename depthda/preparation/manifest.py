"""The folders that preparation writes and continues, and their manifests."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from depthda.errors import UserError
from depthda.io.files import atomic_path, remove_empty, remove_strays
from depthda.io.lock import own_folder
from depthda.io.manifest import ResumableFolder, read_manifest
from depthda.preparation.obsolete import Obsolete, files_below, stale_maps
from depthda.preparation.scene import Report, Scene
from depthda.version import __version__

_SUFFIXES = ('.png', '.tif')  # of tiles
# Settings that decide the pixels of an image tile; its name has its place.
_PIXELS = ('bands', 'stretch', 'keep_values')


class PreparedFolder(ResumableFolder):
    """A folder of tiles in one folder for each product.

    Attributes:
        products: The folders of tiles.
        before: The manifest of an earlier run that this run does not continue.
    """

    kind = 'tiles'
    products: Sequence[str]
    before: Mapping[str, Any] = {}

    @contextmanager
    def writing(self, obsolete: Obsolete, report: Report) -> Iterator[None]:
        """Own the folder and remove what is obsolete; keep what is done if the work fails."""
        with own_folder(self.root):
            if obsolete:
                # First the manifest gets the name of an unfinished one, with its old content: a
                # run that is killed while it removes is repeated, not continued.
                new = self.content
                self.content = {**self.before, 'complete': False} if self.before else new
                self.write()
                self.content = new
                obsolete.remove()
                report(f'removed from {self.root}: {obsolete}')
            self.remove_strays()
            self.write()
            with self.abandoned_on_failure():
                yield

    def abandon(self) -> None:
        """Keep what a failed run has done; leave nothing if it has done nothing."""
        remove_empty(self.root)
        if self.content[self.parts]:
            with suppress(OSError, UserError):  # a full disk: some images will be cut again
                self.write()
        super().abandon()

    def remove_strays(self) -> None:
        """Remove what killed runs left half written, but not where depth maps are being made."""
        remove_strays(self.root)
        for product in self.products:
            for folder, _, _ in os.walk(self.root / product):
                remove_strays(folder)


class PreparedScenes(PreparedFolder):
    """The tiles of a folder of images, with one entry for each image.

    Args:
        root: The folder.
        about: ``classes``, ``palette``, ``domain``, ``labels`` (whether there are any), ``depth``
            (its folder), ``image_suffix`` and ``settings``, which decide what is in a tile.
    """

    parts = 'scenes'
    keys = ('settings', 'scenes')

    def __init__(self, root: Path, about: Mapping[str, Any]) -> None:
        _check_siblings(root, about)
        self.products = [*filter(None, ('images', about['labels'] and 'labels', about['depth']))]
        unfinished = dict(version=__version__, complete=False, splits={})
        counts = dict(crossing=0, unlisted=0, shared=0)  # of ``split_counts``
        super().__init__(root, {**about, **unfinished, **counts, 'scenes': {}})
        self.before = self.open() or {}

    def check(self, before: Mapping[str, Any]) -> None:
        """Accept other settings: ``plan`` finds what they make obsolete."""

    def plan(
        self, scenes: Sequence[Scene], splits: Sequence[str], replaces: bool
    ) -> tuple[list[Scene], Obsolete]:
        """Find the images that are left to do, and what must be removed before.

        Anything to remove is an error unless the run ``replaces`` it.
        """
        planned = {scene.name: (_identities(scene), set(scene.boxes)) for scene in scenes}
        entries = self.before.get('scenes', {})
        old, new = self.before.get('settings', {}), self.content['settings']
        # A setting that is off counts as absent.
        changed = [key for key in new if (old.get(key) or None) != (new[key] or None)]
        same_pixels = not any(key in changed for key in _PIXELS)
        leaving, stale = set(), set()
        for name, entry in entries.items():
            files, tiles = planned.get(name, ({}, set()))
            every, gone = set(entry['tiles']), set(entry['tiles']) - tiles
            is_same = not changed and entry['files'] == files
            if is_same:
                self.content['scenes'][name] = entry
            leaving |= gone if is_same else every
            same_image = entry['files']['images'] == files.get('images')
            stale |= gone if same_pixels and same_image else every
        kept = set().union(*(tiles for _, tiles in planned.values())) - leaving
        obsolete = self._obsolete(kept, stale, splits)
        reason = 'holds tiles of other images, or of images that have changed since'
        if entries and changed:
            was, now = (_setting(changed[0], every.get(changed[0])) for every in (old, new))
            reason = f'was made with {was}, and {now} is asked for'
        obsolete.check(self.root, replaces, reason)
        return [scene for scene in scenes if scene.boxes and not self._has(scene)], obsolete

    def _obsolete(self, kept: set[str], stale: set[str], splits: Sequence[str]) -> Obsolete:
        """Find all tiles but those to be ``kept``, and maps and lists that are out of date."""
        folders = ('images', 'labels', *self.products, self.before.get('depth') or 'images')
        tiles: dict[str, list[Path]] = {}
        for folder in dict.fromkeys(folders):
            for stem, path in files_below(self.root / folder, _SUFFIXES):
                if stem not in kept:
                    tiles.setdefault(folder, []).append(path)
        gone = (name for name in self.before.get('splits', {}) if name not in splits)
        lists = [path for name in gone if (path := self.root / f'{name}.txt').is_file()]
        return Obsolete(tiles, stale_maps(self.root, stale, folders), lists)

    def _has(self, scene: Scene) -> bool:
        """Return whether all tiles of an image are there, as the manifest says."""
        entry, boxes = self.entry(scene.name), scene.boxes
        if entry is None or len(entry['tiles']) + entry['empty'] != len(boxes):
            return False
        suffixes = dict.fromkeys(scene.pieces, '.png') | {'images': self.content['image_suffix']}
        return set(entry['tiles']) <= set(boxes) and all(
            (self.root / product / f'{tile}{suffix}').is_file()
            for tile in entry['tiles']
            for product, suffix in suffixes.items()
        )

    def enter_scene(self, scene: Scene, facts: dict[str, Any]) -> None:
        """Record that the tiles of an image are written."""
        image_facts, *others = facts.pop('products').values()
        for product_facts in (*others, image_facts):
            facts |= product_facts
        self.enter(scene.name, {**facts, 'files': _identities(scene)})

    def finish_splits(
        self, splits: Mapping[str, str | None], names: Sequence[str], counts: Mapping[str, int]
    ) -> None:
        """Write the list of each split, and then the complete manifest."""
        tiles = sorted(tile for entry in self.content['scenes'].values() for tile in entry['tiles'])
        if not tiles:
            raise UserError('not one tile holds a pixel of an image: check the images')
        sizes = {}
        for split in names:
            stems = [tile for tile in tiles if splits[tile] == split]
            with atomic_path(self.root / f'{split}.txt') as temporary:
                temporary.write_text(''.join(f'{stem}\n' for stem in stems), encoding='utf-8')
            sizes[split] = len(stems)
        self.finish(splits=sizes, **counts, complete=True)


class PreparedAreas(PreparedFolder):
    """The tiles of an ISPRS dataset, with one entry for each product of an area.

    So a later run can add bands or a surface model.

    Args:
        root: The folder.
        about: ``dataset``, ``tile`` and ``stride``, which all tiles share, ``labels`` (their kind;
            None: none are asked for), ``classes`` and ``dsm_range``.
        areas: All areas of the dataset, in their order.
    """

    parts = 'areas'
    keys = ('dataset', 'areas')
    products = ('images_irrg', 'images_rgb', 'labels', 'dsm', 'ndsm')

    def __init__(self, root: Path, about: Mapping[str, Any], areas: Sequence[str]) -> None:
        super().__init__(root, {**about, 'areas': {}})
        self.order = areas
        if before := self.open():
            self.content = {**before, 'labels': about['labels'] or before['labels']}
        self.content['version'] = __version__

    def check(self, before: Mapping[str, Any]) -> None:
        """Refuse tiles of another size, stride or kind of labels."""
        has_labels = any('labels' in entry['products'] for entry in before['areas'].values())
        for key in ('dataset', 'tile', 'stride', 'labels'):
            if key != 'labels' or (has_labels and self.content['labels']):
                self.compare({key: before[key]}, {key: self.content[key]})

    def plan(self, areas: Sequence[Scene], replaces: bool) -> tuple[list[Scene], Obsolete]:
        """Find what is missing, was removed or was cut from other files, and the tiles of those.

        Tiles of other files are an error unless the run ``replaces`` them.
        """
        left, changed, stale = [], [], set()
        tiles: dict[str, list[Path]] = {}
        for area in areas:
            entry = self.entry(area.name) or {'products': {}, 'tiles': 0}
            pieces = {}
            for product, piece in area.pieces.items():
                facts = entry['products'].get(product, {})
                found = sorted((self.root / product).glob(f'{area.name}_*_*_*_*.png'))
                is_same = identity(piece.file).items() <= facts.items()
                if is_same and len(found) == entry['tiles']:
                    continue
                pieces[product] = piece
                if facts and found and not is_same:
                    changed.append(f'{product} of area {area.name} from {facts["file"]}')
                    tiles.setdefault(product, []).extend(found)
                    stale |= {path.stem for path in found if product.startswith('images')}
            left += [area._replace(pieces=pieces)] if pieces else []
        obsolete = Obsolete(tiles, stale_maps(self.root, stale, self.products))
        if changed:
            reason = f'holds {changed[0]}, and that file has changed since'
            obsolete.check(self.root, replaces, reason)
        return left, obsolete

    def enter_scene(self, scene: Scene, facts: Mapping[str, Any]) -> None:
        """Record what was cut of an area, besides what the manifest has of it already."""
        products = (self.entry(scene.name) or {'products': {}})['products']
        for product, found in facts['products'].items():
            products[product] = identity(scene.pieces[product].file) | found
        # In one order, whichever run was first.
        ordered = {product: products[product] for product in self.products if product in products}
        entry = dict(products=ordered, size=facts['size'], tiles=len(facts['tiles']))
        self.enter(scene.name, entry)

    def all_entries(self) -> dict[str, Any]:
        """Return the entries in the order of the dataset, whichever worker or run was first."""
        return {name: entry for name in self.order if (entry := self.entry(name)) is not None}


def identity(file: Any) -> dict[str, Any]:
    """Return what tells a file of a download from another version, wherever the download is."""
    return dict(file=file.name, bytes=file.size)


def _identities(scene: Scene) -> dict[str, Any]:
    """Return what shows that the files of an image are those that were cut."""
    return {
        kind: [path.name, (stat := path.stat()).st_size, stat.st_mtime_ns]
        for path, _, kind in scene.pieces.values()
    }


def _check_siblings(out: Path, about: Mapping[str, Any]) -> None:
    """Refuse a domain whose classes are not those of the domains in the same parent folder."""
    if about['domain'] is None or not about['classes']:
        return
    for folder in sorted({path.parent for path in out.absolute().parent.glob('*/manifest*.json')}):
        other = read_manifest(folder) or {}
        is_domain = folder.name != out.name and other.get('domain') and other.get('classes')
        if is_domain and other['classes'] != about['classes']:
            raise UserError(
                f'the domain {other["domain"]} in {folder} has the classes '
                f'{", ".join(other["classes"])}: all domains of a dataset need the same classes in '
                'the same order'
            )


def _setting(key: str, value: Any) -> str:
    return f'no {key}' if not value else f'{key} {value}'
