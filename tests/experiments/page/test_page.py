import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from page_reader import Reader
from page_runs import META, write_data, write_run, write_scalars

from depthda.errors import UserError
from depthda.experiments.page.html import with_relative_paths
from depthda.experiments.page.page import make_page

RGB, RGBD = 'RGB <only>', '<script>alert("depth")</script>'


@pytest.fixture(scope='module')
def page(made, tmp_path_factory):
    """Return the text of a page that compares the two runs, with names that look like markup."""
    out = tmp_path_factory.mktemp('out') / 'page.html'
    result = make_page(
        [made / 'work'], out, [RGB, RGBD], title='A & B', tiles=1, command=['python', '<x>']
    )
    assert result.missing == [] and result.size == out.stat().st_size
    return out.read_text()


def metrics(made, name):
    return json.loads((made / 'work' / name / 'metrics.json').read_text())


def test_names_are_shown_as_text_not_markup(page):
    reader = Reader(page)
    assert page.count('<script>') == 1  # the page's own
    assert RGBD in reader.text and RGB in reader.text
    assert '<title>A &amp; B</title>' in page


def test_the_page_cannot_reach_the_network(page):
    reader = Reader(page)
    (policy,) = [a['content'] for n, a in reader.tags if a.get('http-equiv')]
    assert policy.startswith(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    )
    for _, attributes in reader.tags:
        for key in ('src', 'href', 'action', 'data', 'poster', 'srcset'):
            assert attributes.get(key, '#').startswith(('#', 'data:'))
    assert not re.search(r'url\(|@import|fetch\(|XMLHttp|WebSocket', page)
    addresses = set(re.findall(r'https?://[^\s"\'<]+', page))
    assert addresses <= {'http://www.w3.org/2000/svg'}  # a name, not an address


def test_pictures_headings_and_links_suit_a_screen_reader(page):
    reader = Reader(page)
    pictures = [a for n, a in reader.tags if n == 'img' and a.get('src')]
    assert pictures and all(a['alt'] for a in pictures)
    levels = [int(n[1]) for n, a in reader.tags if re.fullmatch('h[1-6]', n)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))
    ids = [a['id'] for n, a in reader.tags if 'id' in a]
    assert len(ids) == len(set(ids))
    targets = {a['href'][1:] for n, a in reader.tags if n == 'a'}
    assert targets <= set(ids)


def test_a_run_whose_checkpoint_was_overwritten_is_named(made, tmp_path):
    shutil.copytree(made, tmp_path / 'made')
    run = sorted((tmp_path / 'made/work').iterdir())[0]
    (run / 'iter_40.pth').write_bytes(b'of a later training')
    make_page([tmp_path / 'made/work'], tmp_path / 'page.html', ['one', 'other'], tiles=1)
    text = Reader((tmp_path / 'page.html').read_text()).text
    assert text.count('was tested before its checkpoint was overwritten: test the run again.') == 1


def test_the_scores_are_those_of_the_metrics(page, made):
    first, last = (metrics(made, name)['report']['groups'] for name in ('rgb', 'rgbd'))
    tables = [t for t in Reader(page).tables if t[0][:2] == ['class', 'share of labels']]
    assert len(tables) == 4 * len(first) and list(first) == list(last)  # scores × groups
    position = 0
    for group in first:
        for key in ('IoU', 'F1', 'precision', 'recall'):
            table = tables[position]
            assert table[0][2:5] == [RGB, RGBD, 'Δ']
            for row, name in zip(table[1:8], META['classes'], strict=True):
                a, b = (g[group]['per_class'][name][key] for g in (first, last))
                share = first[group]['per_class'][name]['pixels'] / first[group]['pixels']
                expected = [name, f'{100 * share:.2f}', f'{a:.2f}', f'{b:.2f}', f'{b - a:+.2f}']
                assert row[:5] == [text.replace('-', '−') for text in expected]
            position += 1


def test_the_best_of_a_row_is_bold(page, made):
    iou = [metrics(made, n)['report']['groups']['all']['per_class'] for n in ('rgb', 'rgbd')]
    for name in META['classes']:
        a, b = (f'{group[name]["IoU"]:.2f}' for group in iou)
        row = re.search(rf'</span>{name}</th>.*?</tr>', page)[0]
        assert re.findall(r'<b>([^<]*)</b>', row) == [max(a, b, key=float)]


def test_the_confusion_matrix_shows_shares_with_counts_on_hover(page, made):
    matrix = np.array(metrics(made, 'rgbd')['report']['groups']['all']['confusion_matrix'])
    table = [t for t in Reader(page).tables if t[0][0].startswith('label ↓')][1]
    shares = np.array([[float(cell) for cell in row[1:]] for row in table[1:]])
    np.testing.assert_allclose(shares, 100 * matrix / matrix.sum(1, keepdims=True), atol=0.051)
    assert f'road predicted as water: {matrix[2, 3]:,} of {matrix[2].sum():,} pixels' in page


def test_class_distributions_are_counted_from_the_labels(page, made):
    table = Reader(page).table('class', 'training: Urban, 3 images', 'test: Urban', 'test: Rural')
    shares = []
    for part in ('Train/Urban', 'Test/Urban', 'Test/Rural'):
        files = sorted((made / 'data' / part / 'masks_png').iterdir())
        labels = np.concatenate([cv2.imread(str(f), 0).ravel() for f in files])
        shares.append(100 * np.bincount(labels, minlength=8)[1:] / (labels > 0).sum())
    shares = np.array(shares)
    cells = [[float(cell.replace('−', '-')) for cell in row[1:5]] for row in table[1:]]
    np.testing.assert_allclose(np.array(cells)[:, :3].T, shares, atol=0.0051)
    np.testing.assert_allclose(np.array(cells)[:, 3], shares[2] - shares[0], atol=0.0051)
    distance = 0.5 * np.abs(shares[2] - shares[0]).sum()
    assert f'differ in {distance:.1f}\u00a0%' in page


def test_a_tile_shows_each_picture_once(page):
    reader = Reader(page)
    cards = page.split('<article')[1:]
    kinds = re.findall(r'data-kind="(\w+)"', cards[0].split('</article>')[0])
    assert kinds == ['image', 'depth', 'labels', 'labels', 'errors', 'labels', 'errors', 'change']
    keys = [a['data-key'] for n, a in reader.tags if n == 'article']
    assert len(keys) == len(set(keys))
    assert [t for t in ('Best', 'Median', 'Worst', 'Largest gain') if f'<h3>{t} ' not in page] == []


def test_a_single_run_has_one_table_and_no_difference(made, tmp_path):
    out = make_page([made / 'work/rgb'], tmp_path / 'p.html', tiles=1).path
    reader = Reader(out.read_text())
    table = reader.table('class', 'IoU', 'F1', 'precision', 'recall', 'share of labels')
    group = metrics(made, 'rgb')['report']['groups']['all']
    assert table[-1][:2] == ['mean', f'{group["means"]["mIoU"]:.2f}']
    assert 'Δ' not in reader.text and 'Largest gain' not in reader.text


def test_matrix_tiles_and_shift_belong_to_the_headline_images(tmp_path):
    write_data(tmp_path / 'data')
    folder = write_run(tmp_path, 'rgb', wrong=0.5, depth=None, headline='Urban')
    text = make_page([folder], tmp_path / 'p.html', tiles=9).path.read_text()
    reader = Reader(text)
    keys = [a['data-key'] for n, a in reader.tags if n == 'article']
    assert sorted(keys) == [f'Urban/images_png/{n}.png' for n in (10, 11, 12)]
    assert 'The scores below are for Urban.' in reader.text and 'Images: Urban.' in reader.text
    matrix = json.loads((folder / 'metrics.json').read_text())['report']['groups']['Urban']
    assert f' of {sum(matrix["confusion_matrix"][1]):,} pixels' in text
    assert reader.table('class', 'training: Urban, 3 images', 'test: Rural', 'test: Urban')


def test_a_missing_score_is_a_dash(made, tmp_path):
    folder = copy_run(made, tmp_path)
    record = json.loads((folder / 'metrics.json').read_text())
    row = record['report']['groups']['all']['per_class']['water']
    row |= dict(IoU=None, F1=None, precision=None, recall=None)
    (folder / 'metrics.json').write_text(json.dumps(record | dict(commit=None, seed=None)))
    reader = Reader(make_page([folder], tmp_path / 'p.html', tiles=0).path.read_text())
    water = next(r for r in reader.table('class', 'IoU') if r[0] == 'water')
    assert water[1:5] == ['–'] * 4
    assert ['Commit', '–'] in reader.tables[0]
    assert 'None' not in reader.text and 'nan' not in reader.text.lower().split()


def copy_run(made, tmp_path):
    shutil.copytree(made / 'data', tmp_path / 'data')
    return shutil.copytree(made / 'work/rgb', tmp_path / 'work/rgb')


def test_a_checkpoint_chosen_on_the_target_is_marked(made, tmp_path):
    folder = copy_run(made, tmp_path)
    path = folder / 'metrics.json'
    record = json.loads(path.read_text())
    on = record['tested_on'] | dict(domains=['Rural'], splits=['Val'], images=2)
    for domains, marks in ((['Rural'], True), (['Elsewhere'], False)):
        record['selection'] = dict(rule='best mIoU', on=on | dict(domains=domains))
        path.write_text(json.dumps(record))
        text = make_page([folder], tmp_path / 'p.html', tiles=0).path.read_text()
        assert text.count('target-selected</strong>') == 2 * marks  # the head and the table
        assert f'best mIoU, on {domains[0]}, Val (2 images)' in Reader(text).text


def test_missing_predictions_name_the_command_that_makes_them(made, tmp_path):
    folder = copy_run(made, tmp_path)
    shutil.rmtree(folder / 'predictions')
    page = make_page([folder], tmp_path / 'p.html', tiles=1)
    command = f'depthda test configs/rgb.py work/rgb/iter_40.pth --work-dir {folder} --out'
    assert len(page.missing) == 1 and command in page.missing[0]
    assert page.missing[0].endswith(
        f'{folder / "predictions"} --cfg-options test_dataloader.batch_size=2'
    )
    text = page.path.read_text()
    assert with_relative_paths(command, Path.cwd()) in Reader(text).text
    assert 'data-kind="image"' in text and 'data-kind="errors"' not in text
    (folder / 'tiles.npz').unlink()
    page = make_page([folder], tmp_path / 'p.html', tiles=1)
    assert 'has no tiles.npz' in page.missing[0] and '<article' not in page.path.read_text()


def test_predictions_of_a_different_test_are_refused(made, tmp_path):
    folder = copy_run(made, tmp_path)
    for path in (folder / 'predictions').iterdir():
        cv2.imwrite(str(path), (cv2.imread(str(path), 0) + 1) % 7)
    with pytest.raises(UserError, match='have changed since .* was scored'):
        make_page([folder], tmp_path / 'p.html', tiles=1)
    assert not (tmp_path / 'p.html').exists()


def test_without_the_data_the_scores_are_shown_and_the_rest_is_reported(tmp_path):
    write_data(tmp_path / 'data')
    folder = write_run(tmp_path, 'rgb', wrong=0.5, depth=None)
    shutil.rmtree(tmp_path / 'data')
    page = make_page([folder], tmp_path / 'p.html')
    reader = Reader(page.path.read_text())
    assert len(page.missing) == 2 and all('no longer exists' in s for s in page.missing)
    assert reader.table('class', 'IoU') and reader.table('class', 'test: Urban')
    for sentence in page.missing:
        assert with_relative_paths(' '.join(sentence.split()), Path.cwd()) in reader.text


def test_paths_are_relative_to_the_folder_where_the_page_was_made(made, tmp_path, monkeypatch):
    folder = copy_run(made, tmp_path)
    record = json.loads((folder / 'metrics.json').read_text())
    record |= dict(config=str(tmp_path / 'configs/rgb.py'))
    record['checkpoint']['file'] = str(folder / 'iter_40.pth')
    (folder / 'metrics.json').write_text(json.dumps(record))
    shutil.rmtree(folder / 'predictions')
    monkeypatch.chdir(tmp_path)
    command = ['python', 'tools/report.py', str(folder)]
    text = make_page([folder], tmp_path / 'out/p.html', tiles=1, command=command).path.read_text()
    assert str(tmp_path) not in text
    shown = Reader(text).text
    assert 'tools/report.py work/rgb.' in shown and 'rgb: work/rgb' in shown
    assert 'configs/rgb.py work/rgb/iter_40.pth --work-dir work/rgb --out work/rgb/pred' in shown


def test_curves_and_budget_come_from_the_training(made, tmp_path):
    tested, trained = copy_run(made, tmp_path), tmp_path / 'work/trained'
    shutil.copytree(tested, tmp_path / 'work/rgbd')
    shutil.move(tested / '20260101_000000', trained / '20260101_000000')
    record = json.loads((tested / 'metrics.json').read_text())
    record['checkpoint']['file'] = str(trained / 'iter_40.pth')
    (tested / 'metrics.json').write_text(json.dumps(record))
    config = trained / '20260101_000000/vis_data/config.py'
    config.write_text(config.read_text() + 'train_cfg = dict(max_iters=40)\n')
    runs = [tested, tmp_path / 'work/rgbd']
    text = make_page(runs, tmp_path / 'p.html', tiles=0).path.read_text()
    loss, _ = re.findall(r'data-points="([^"]*)"', text)[::2]
    assert json.loads(loss) == [[10, 2.0], [20, 1.5], [30, 1.0]]
    assert 'The training budgets differ. Iterations: rgb 40; rgbd none.' in text


def test_a_resumed_run_has_one_curve(made, tmp_path):
    folder = copy_run(made, tmp_path)
    write_scalars(folder, '20260102_000000', [(25, 9.0), (35, 8.0)])
    text = make_page([folder], tmp_path / 'p.html', tiles=0).path.read_text()
    (loss, miou) = re.findall(r'data-points="([^"]*)"', text)
    assert json.loads(loss) == [[10, 2.0], [20, 1.5], [25, 9.0], [35, 8.0]]
    assert json.loads(miou) == [[35, 53.5]]
    assert 'Validation mIoU, Urban, Train' in text
