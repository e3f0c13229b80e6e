"""The folders that preparation writes and continues, their manifests, and their obsolete files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

from depthda.depth.maps import DEPTH_SUFFIXES
from depthda.errors import UserError, many
from depthda.io.files import atomic_path, remove_empty, remove_strays
from depthda.io.lock import own_folder
from depthda.io.manifest import ResumableFolder
from depthda.preparation.scene import Report, Scene
from depthda.version import __version__

Files = Mapping[str, list[Path]]  # by folder

_SUFFIXES = ('.png', '.tif')  # of tiles
# Settings that affect the pixels of an image tile. Its position is in its name.
_PIXELS = {'bands', 'stretch', 'keep_values'}


class PreparedFolder(ResumableFolder):
    """A folder of tiles, with one sub-folder for each product."""

    kind = 'tiles'
    products: Sequence[str]  # names of the folders of tiles
    obsolete: Sequence[Path]  # files that must be removed before anything is written
    removal: str  # a description of these files for messages; '' if there are none
    before: Mapping[str, Any] = {}  # the manifest of an earlier run that this one does not continue

    @contextmanager
    def writing(self, report: Report) -> Iterator[None]:
        """Lock the folder and remove obsolete files; if the work fails, keep what is finished."""
        with own_folder(self.root):
            if self.removal:
                # First the old manifest is written as an unfinished one. So a run that is killed
                # while it removes files is repeated, and not continued.
                new_content = self.content
                if self.before:
                    self.content = {**self.before, 'complete': False}
                self.write()
                self.content = new_content
                for path in self.obsolete:
                    path.unlink(missing_ok=True)
                report(f'removed from {self.root}: {self.removal}')
            remove_strays(self.root)
            for product in self.products:  # not other folders, where depth maps may be in progress
                for folder, _, _ in os.walk(self.root / product):
                    remove_strays(folder)
            self.write()
            with self.abandoned_on_failure():
                yield

    def abandon(self) -> None:
        """Keep the finished entries of a failed run; leave no files if there are none."""
        remove_empty(self.root)
        if self.content[self.parts]:
            with suppress(OSError, UserError):  # if the disk is full, some images are cut again
                self.write()
        super().abandon()

    def find_obsolete(
        self, tiles: Files, stale: set[str], lists: Sequence[Path], replace: bool, reason: str
    ) -> None:
        """Find the files that ``writing`` must remove; refuse them without ``replace``.

        They are the ``tiles`` whose image is gone or has changed, the ``lists`` of splits that no
        longer exist, and the depth maps of the tiles named in ``stale``, whose pixels change. These
        maps are found in all folders without tiles, such as ``rdepth/<model>``. They are removed
        because a wrong depth map is worse than none. ``reason`` is the beginning of the message.
        """
        tile_folders = tuple(f'{folder}/' for folder in {*self.products, *tiles})
        maps: dict[str, list[Path]] = {}
        for path, stem in _files_below(self.root, DEPTH_SUFFIXES).items() if stale else ():
            parts = [] if stem.startswith(tile_folders) else stem.split('/')
            # A tile may have sub-folders in its name, and so may the folder of the maps.
            for n in range(1, len(parts)):
                if '/'.join(parts[n:]) in stale:
                    maps.setdefault('/'.join(parts[:n]), []).append(path)
                    break
        self.obsolete = [*chain(*tiles.values(), *maps.values()), *lists]
        tile_counts, map_counts = (
            [f'{folder} ({many(len(paths), "file")})' for folder, paths in files.items() if paths]
            for files in (tiles, maps)
        )
        removed = ', '.join([*tile_counts, *(path.name for path in lists)])
        changed = map_counts and f'the depth maps of changed images: {", ".join(map_counts)}'
        self.removal = ', and '.join(filter(None, (removed, changed)))
        if self.removal and not replace:
            raise UserError(
                f'{self.root} {reason}: choose another folder with --out, or add --replace to '
                f'remove {self.removal}'
            )


class PreparedScenes(PreparedFolder):
    """The tiles of a folder of images, with one entry for each image.

    ``about`` holds the other entries of the manifest: ``labels`` (whether there are any), ``depth``
    (its folder), ``settings``, which affect the content of tiles, and more.
    """

    parts = 'scenes'
    keys = ('settings', 'scenes')

    def __init__(self, root: Path, about: Mapping[str, Any]) -> None:
        self.products = [*filter(None, ('images', about['labels'] and 'labels', about['depth']))]
        unfinished = dict(version=__version__, complete=False, splits={})
        counts = dict(crossing=0, unlisted=0, shared=0)  # of ``split_counts``
        super().__init__(root, {**about, **unfinished, **counts, 'scenes': {}})
        self.before = self.open() or {}

    def check(self, before: Mapping[str, Any]) -> None:
        """Accept other settings, because ``plan`` finds the files that they make obsolete."""

    def plan(self, scenes: Sequence[Scene], splits: Sequence[str], replace: bool) -> list[Scene]:
        """Return the images that are left to cut, and find the files to remove first.

        Files to remove are an error without ``replace``.
        """
        planned = {scene.name: scene for scene in scenes}
        kept, stale = {tile for scene in scenes for tile in scene.boxes}, set()
        old, new = self.before.get('settings', {}), self.content['settings']
        # A setting that is off counts as absent.
        changed = [key for key in new if (old.get(key) or None) != (new[key] or None)]
        for name, entry in self.before.get('scenes', {}).items():
            scene = planned.get(name, Scene(name, {}, Path(), {}))
            files, old_tiles = _identities(scene), set(entry['tiles'])
            dropped = old_tiles - scene.boxes.keys()
            # Other images may move the cuts between splits, so that all tiles here are left out.
            is_same = scene.boxes and not changed and entry['files'] == files
            if is_same:
                self.content['scenes'][name] = entry
            kept -= dropped if is_same else old_tiles
            same_image = entry['files']['images'] == files.get('images')
            same_pixels = same_image and not _PIXELS.intersection(changed)
            stale |= dropped if same_pixels else old_tiles
        folders = ['images', 'labels', *self.products, self.before.get('depth') or 'images']
        stems = {folder: _files_below(self.root / folder, _SUFFIXES) for folder in folders}
        tiles = {
            folder: [path for path, stem in stem_of.items() if stem not in kept]
            for folder, stem_of in stems.items()
        }
        dropped_splits = [name for name in self.before.get('splits', {}) if name not in splits]
        lists = [path for name in dropped_splits if (path := self.root / f'{name}.txt').is_file()]
        reason = 'contains tiles of other images, or of images that have changed since'
        if self.before.get('scenes') and changed:
            key = changed[0]
            before, now = (f'{key} {s[key]}' if s.get(key) else f'no {key}' for s in (old, new))
            reason = f'was made with {before}, but this run uses {now}'
        self.find_obsolete(tiles, stale, lists, replace, reason)
        existing = set.intersection(*({*stems[folder].values()} for folder in self.products))

        def is_cut(scene: Scene) -> bool:
            """Return whether all tiles that the manifest lists for an image exist."""
            entry = self.entry(scene.name) or {'tiles': [], 'empty': 0}
            is_complete = len(entry['tiles']) + entry['empty'] == len(scene.boxes)
            return is_complete and {*entry['tiles']} <= scene.boxes.keys() & existing

        return [scene for scene in scenes if scene.boxes and not is_cut(scene)]

    def enter_scene(self, scene: Scene, facts: dict[str, Any]) -> None:
        """Enter an image into the manifest after its tiles are written."""
        image, *others = facts.pop('products').values()
        for product_facts in (*others, image):
            facts |= product_facts
        self.enter(scene.name, facts | {'files': _identities(scene)})

    def finish_splits(
        self, splits: Mapping[str, str | None], names: Sequence[str], counts: Mapping[str, int]
    ) -> None:
        """Write the list of each split, and then the complete manifest."""
        tiles = sorted(tile for entry in self.content['scenes'].values() for tile in entry['tiles'])
        if not tiles:
            raise UserError('no tile contains image data: check the images')
        sizes = {}
        for split in names:
            stems = [tile for tile in tiles if splits[tile] == split]
            with atomic_path(self.root / f'{split}.txt') as temporary:
                temporary.write_text(''.join(f'{stem}\n' for stem in stems), encoding='utf-8')
            sizes[split] = len(stems)
        self.finish(splits=sizes, **counts, complete=True)


class PreparedAreas(PreparedFolder):
    """The tiles of an ISPRS dataset, with a manifest entry for each product of an area.

    So a later run can add bands or a surface model. ``about`` holds the other entries, such as the
    kind of ``labels`` (None if no labels are requested). ``order`` lists all areas.
    """

    parts = 'areas'
    keys = ('dataset', 'areas')
    products = ('images_irrg', 'images_rgb', 'labels', 'dsm', 'ndsm')

    def __init__(self, root: Path, about: Mapping[str, Any], order: Sequence[str]) -> None:
        super().__init__(root, {**about, 'areas': {}})
        self.order = order
        if before := self.open():
            self.content = {**before, 'labels': about['labels'] or before['labels']}
        self.content['version'] = __version__

    def check(self, before: Mapping[str, Any]) -> None:
        """Refuse tiles of another size, stride or kind of labels."""
        has_labels = any('labels' in entry['products'] for entry in before['areas'].values())
        for key in ('dataset', 'tile', 'stride', 'labels'):
            if key != 'labels' or (has_labels and self.content['labels']):
                self.compare({key: before[key]}, {key: self.content[key]})

    def plan(self, areas: Sequence[Scene], replace: bool) -> list[Scene]:
        """Return the areas with the products left to cut, and find the tiles to remove first.

        A product is left to cut if its tiles are missing or were cut from other files. Tiles of
        other files are an error without ``replace``.
        """
        remaining, changed, stale = [], [], set()
        tiles: dict[str, list[Path]] = {}
        for area in areas:
            entry = self.entry(area.name) or {'products': {}, 'tiles': 0}
            remaining_files = dict(area.files)
            for product, source in area.files.items():
                facts = entry['products'].get(product, {})
                paths = sorted((self.root / product).glob(f'{area.name}_*_*_*_*.png'))
                is_same = identity(source.file).items() <= facts.items()
                if is_same and len(paths) == entry['tiles']:
                    del remaining_files[product]
                elif facts and paths and not is_same:
                    changed.append(f'{product} of area {area.name} from {facts["file"]}')
                    tiles.setdefault(product, []).extend(paths)
                    stale |= {path.stem for path in paths if product.startswith('images')}
            remaining += [area._replace(files=remaining_files)] if remaining_files else []
        reason = f'contains {"".join(changed[:1])}, which has changed since'
        self.find_obsolete(tiles, stale, [], replace, reason)
        return remaining

    def enter_scene(self, scene: Scene, facts: Mapping[str, Any]) -> None:
        """Add the products that were cut to the manifest entry of their area."""
        products = (self.entry(scene.name) or {'products': {}})['products']
        for product, product_facts in facts['products'].items():
            products[product] = identity(scene.files[product].file) | product_facts
        # The order of products does not depend on which run cut them.
        ordered = {product: products[product] for product in self.products if product in products}
        entry = dict(products=ordered, size=facts['size'], tiles=len(facts['tiles']))
        self.enter(scene.name, entry)

    def all_entries(self) -> dict[str, Any]:
        """Return the entries in the order of the dataset, not in that of their completion."""
        return {name: entry for name in self.order if (entry := self.entry(name)) is not None}


def identity(file: Any) -> dict[str, Any]:
    """Return name and size of a file, which identify its version wherever the download is."""
    return dict(file=file.name, bytes=file.size)


def _identities(scene: Scene) -> dict[str, Any]:
    """Return name, size and time of each file of an image, which show whether it has changed."""
    return {
        kind: [path.name, (stat := path.stat()).st_size, stat.st_mtime_ns]
        for path, _, kind in scene.files.values()
    }


def _files_below(folder: Path, suffixes: Sequence[str]) -> dict[Path, str]:
    """Return each visible file with its stem, including sub-folders; files are sorted."""
    paths = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return {
        path: path.relative_to(folder).with_suffix('').as_posix()
        for path in sorted(paths)
        if path.suffix.lower() in suffixes and not path.name.startswith('.')
    }
