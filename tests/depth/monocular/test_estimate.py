"""Runs return the same bytes in any order, with any batch size, after any number of attempts."""

import json
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tiny_rasters import write_raster

from depthda.depth.monocular.estimate import DepthSettings, estimate_depth
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.depth.monocular.folder import MANIFEST
from depthda.depth.monocular.images import OpticalReader
from depthda.depth.monocular.jobs import find_jobs
from depthda.depth.monocular.pipeline import Pipeline
from depthda.errors import UserError
from depthda.io.lock import locked
from depthda.processes import Shard

SIZES = [(70, 70), (50, 90), (90, 50), (70, 70), (100, 180), (70, 70), (150, 160), (70, 70)]
MODEL = {'model': 'tiny', 'revision': None, 'licence': 'none'}


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    for index, (height, width) in enumerate(SIZES):
        pixels = np.random.default_rng(index).integers(0, 256, (height // 5, width // 5, 3))
        picture = Image.fromarray(pixels.astype(np.uint8)).resize((width, height))
        path = folder / f'{"ab"[index % 2]}/{index}.png'
        path.parent.mkdir(exist_ok=True)
        picture.save(path)
    return folder


def run(estimator, images, out, settings=None, order=1, **kwargs):
    jobs = find_jobs([str(images)], str(out), 'm')[::order]
    return estimate_depth(estimator, jobs, settings or DepthSettings(), MODEL, **kwargs)


def contents(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob('*') if path.is_file()}


@pytest.fixture(scope='module', params=['whole', 'tiled'])
def clean(request, estimator, images, tmp_path_factory):
    """Return the settings and the files of one uninterrupted run."""
    out = tmp_path_factory.mktemp('clean') / 'out'
    settings = DepthSettings(request.param, batch_size=3)
    assert run(estimator, images, out, settings).written == len(SIZES)
    return settings, contents(out)


def test_every_image_has_a_map_and_an_entry(clean, images):
    _, files = clean
    names = {f'{"ab"[i % 2]}/{i}' for i in range(len(SIZES))}
    assert {str(path)[:-4] for path in files if path.suffix == '.png'} == names
    manifest = json.loads(next(v for k, v in files.items() if k.name == MANIFEST))
    assert manifest['about']['model'] == 'tiny' and len(manifest['settings']['weights']) == 64
    assert {name: tuple(entry['size'][::-1]) for name, entry in manifest['maps'].items()} == {
        f'{"ab"[i % 2]}/{i}': size for i, size in enumerate(SIZES)
    }


@pytest.mark.parametrize('batch_size, workers, order', [(1, 1, 1), (8, 3, 1), (3, 2, -1)])
def test_order_batches_and_workers_change_no_byte(
    clean, estimator, images, tmp_path, batch_size, workers, order
):
    settings, expected = clean
    other = replace(settings, batch_size=batch_size, workers=workers)
    run(estimator, images, tmp_path, other, order)
    assert contents(tmp_path) == expected


def test_a_run_that_is_stopped_repeatedly_ends_with_the_same_bytes(
    clean, estimator, images, tmp_path
):
    settings, expected = clean

    class Stop(Exception):
        pass

    def stop_after_two(done, total):
        if done >= 2:
            raise Stop

    for _ in range(len(SIZES)):
        try:
            run(estimator, images, tmp_path, settings, progress=stop_after_two)
        except Stop:
            continue
        break
    summary = run(estimator, images, tmp_path, settings)
    assert (summary.written, summary.kept) == (0, len(SIZES))
    assert contents(tmp_path) == expected


def test_where_a_batch_goes_through_together_a_restart_repeats_the_batches(
    estimator, images, tmp_path, monkeypatch
):
    # As on a GPU, where depth depends slightly on the other images of the batch; here strongly.
    one_by_one = DepthEstimator.whole

    def together(self, inputs, sizes):
        trace = np.float32(sum(float(image.mean()) for image in inputs))
        return [depth + trace for depth in one_by_one(self, inputs, sizes)]

    monkeypatch.setattr(DepthEstimator, 'batched', True)
    monkeypatch.setattr(DepthEstimator, 'whole', together)
    settings = DepthSettings(batch_size=3)
    run(estimator, images, tmp_path / 'clean', settings)
    expected = contents(tmp_path / 'clean')
    run(estimator, images, tmp_path / 'killed', settings)
    for name in ('a/0.png', 'b/3.png', 'b/7.png'):
        (tmp_path / 'killed' / name).unlink()
    assert run(estimator, images, tmp_path / 'killed', settings).written == 3
    assert contents(tmp_path / 'killed') == expected


def test_truncated_and_other_maps_are_made_again_and_good_ones_kept(
    clean, estimator, images, tmp_path
):
    settings, expected = clean
    run(estimator, images, tmp_path, settings)
    (tmp_path / 'a/0.png').write_bytes((tmp_path / 'a/0.png').read_bytes()[:99])
    Image.fromarray(np.ones((9, 9), np.uint16)).save(tmp_path / 'b/1.png')
    (tmp_path / 'b/3.png').unlink()
    (tmp_path / MANIFEST).write_text(
        json.dumps(json.loads((tmp_path / MANIFEST).read_text()) | {'maps': {}})
    )
    before = (tmp_path / 'a/2.png').stat().st_mtime_ns
    summary = run(estimator, images, tmp_path, settings)
    assert (summary.written, summary.kept) == (3, len(SIZES) - 3)
    assert contents(tmp_path) == expected
    assert (tmp_path / 'a/2.png').stat().st_mtime_ns == before


def test_processes_share_the_images(clean, estimator, images, tmp_path, monkeypatch):
    settings, expected = clean
    # Two threads, which wait for each other as two processes do.
    meeting = threading.Barrier(2, timeout=60)
    monkeypatch.setattr(Shard, 'wait', lambda self: meeting.wait())
    summaries = {}

    def work(rank):
        summaries[rank] = run(estimator, images, tmp_path, settings, shard=Shard(rank, 2))

    threads = [threading.Thread(target=work, args=(rank,)) for rank in (1, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [summaries[rank].written for rank in (0, 1)] == [4, 4]
    assert contents(tmp_path) == expected


def test_a_batch_has_one_network_size_and_is_repeated_where_it_goes_through_together(
    estimator, images, tmp_path, monkeypatch
):
    jobs = find_jobs([str(images)], str(tmp_path), 'm')
    sizes = dict(zip(jobs, OpticalReader().sizes([job.source for job in jobs]), strict=True))

    def names(todo=None):
        chosen = {job for job in jobs if todo is None or job.map.name in todo}
        pipeline = Pipeline(estimator, OpticalReader(), 3, 1, jobs, chosen, sizes, {}, {})
        return [[job.map.stem for job in batch] for batch in pipeline.batches()]

    # Images of 70² and 150×160 both have the network size 70².
    assert names() == [['1'], ['2'], ['0', '6', '3'], ['5', '7'], ['4']]
    assert names({'3.png', '7.png'}) == [['3', '7']]
    monkeypatch.setattr(DepthEstimator, 'batched', True)
    assert names({'3.png', '2.png'}) == [['2'], ['0', '6', '3']]


@pytest.fixture
def forty(tmp_path):
    """Return a folder of 40 images."""
    folder = tmp_path / 'forty'
    folder.mkdir()
    for index in range(40):
        Image.new('RGB', (70, 70), (index, 0, 0)).save(folder / f'{index}.png')
    return folder


def test_memory_holds_one_batch_ahead_one_in_the_network_and_one_to_write(
    estimator, forty, tmp_path, monkeypatch
):
    # Count the images from the start of reading until the end of writing.
    alive, most, lock = 0, 0, threading.Lock()
    read, write = Pipeline._read, Pipeline._write

    def count(change):
        nonlocal alive, most
        with lock:
            alive += change
            most = max(most, alive)

    def counted_read(self, job):
        count(1)
        return read(self, job)

    def counted_write(self, job, *args):
        time.sleep(0.02)  # slower than the network
        write(self, job, *args)
        count(-1)

    monkeypatch.setattr(Pipeline, '_read', counted_read)
    monkeypatch.setattr(Pipeline, '_write', counted_write)
    run(estimator, forty, tmp_path / 'out', DepthSettings(batch_size=4))
    assert alive == 0 and 8 <= most <= 12


def test_pixels_without_data_have_no_depth(estimator, tmp_path):
    pixels = np.random.default_rng(0).integers(1, 256, (80, 100, 3), np.uint8)
    pixels[10:30, 20:60] = 0
    write_raster(tmp_path / 'in/x.tif', pixels, nodata=0)
    for mode in ('whole', 'tiled'):
        run(estimator, tmp_path / 'in', tmp_path / mode, DepthSettings(mode))
        codes = np.asarray(Image.open(tmp_path / mode / 'x.png'))
        np.testing.assert_array_equal(codes == 0, (pixels == 0).all(2))
        assert codes.max() == 65535 and codes[codes > 0].min() == 1


def test_a_folder_in_use_is_refused(estimator, images, tmp_path):
    with locked(tmp_path), pytest.raises(UserError, match='another process is writing to'):
        run(estimator, images, tmp_path)


def test_depth_that_is_not_finite_is_an_error(estimator, images, tmp_path, monkeypatch):
    monkeypatch.setattr(
        DepthEstimator, 'whole', lambda self, inputs, sizes: [np.full(s, np.nan) for s in sizes]
    )
    with pytest.raises(UserError, match='non-finite depth for .*png: try --amp off'):
        run(estimator, images, tmp_path)
    assert not list(tmp_path.rglob('*.png'))


@pytest.mark.parametrize(
    'settings, message',
    [
        ({'batch_size': 0}, '--batch-size 0: use 1 or more'),
        ({'workers': 0}, '--workers 0: use 1 or more'),
        ({'mode': 'half'}, "mode 'half' is unknown: use whole or tiled"),
        ({'tile': 500}, 'add --mode tiled'),
        ({'mode': 'tiled', 'tile': 3}, '--tile 3 is too small: use 32 pixels or more'),
        ({'overlap': 0.3}, '--overlap only applies to tiles: add --mode tiled'),
        ({'mode': 'tiled', 'overlap': 0.7}, '--overlap 0.7 is out of range'),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        DepthSettings(**settings)
