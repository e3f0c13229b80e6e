"""How a tested run finds its training. Its other data is tested where it is used."""

from depthda.experiments.tested_run import TestedRun


def write_training(folder, stamp='20260101_000000', iterations=40000):
    path = folder / stamp / 'vis_data'
    path.mkdir(parents=True)
    (path / 'scalars.json').write_text('{"loss": 1.0, "step": 10}\n')
    (path / 'config.py').write_text(f'train_cfg = dict(max_iters={iterations})\n')
    return folder


def run_of(folder, checkpoint=None):
    record = checkpoint and dict(file=str(checkpoint), sha256='0')
    return TestedRun(folder, '', None, 0, dict(checkpoint=record, config='x.py'), None)


def test_the_training_is_found_next_to_the_checkpoint(tmp_path, monkeypatch):
    run = tmp_path / 'there/work_dirs/tested'
    run.mkdir(parents=True)
    trained = write_training(tmp_path / 'there/work_dirs/trained')
    assert run_of(run, trained / 'iter_4.pth').training_folder == trained
    # A relative path starts above the run, whatever the current folder is.
    monkeypatch.chdir(write_training(tmp_path / 'here/work_dirs/trained').parents[1])
    assert run_of(run, 'work_dirs/trained/iter_4.pth').training_folder == trained
    # If there is no log next to the checkpoint, the run's own folder is used.
    (tmp_path / 'weights').mkdir()
    assert run_of(run, tmp_path / 'weights/iter_4.pth').training_folder == run
    assert run_of(run).training_folder == run


def test_the_config_is_that_of_the_latest_training_not_of_a_test(tmp_path):
    write_training(tmp_path, '20260101_000000', iterations=1000)
    write_training(tmp_path, '20260102_000000', iterations=2000)
    later = tmp_path / '20260103_000000/vis_data'
    later.mkdir(parents=True)
    (later / 'config.py').write_text('train_cfg = dict(max_iters=7)\n')
    run = run_of(tmp_path, tmp_path / 'iter_2000.pth')
    assert run.training.train_cfg.max_iters == 2000
    assert run_of(tmp_path / 'none').training is None
    # A page finds its images with the config of the latest test.
    assert run.config.train_cfg.max_iters == 7
