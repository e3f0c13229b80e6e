import json

from depthda.experiments import demo


def test_the_demo_ends_with_a_table_a_picture_and_a_checked_zip(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, 'TILES', {'Train': 12, 'Val': 0, 'Test': 2})
    monkeypatch.setattr(demo, 'DIRECTIONS', {'u2r': ('Urban', 'Rural')})
    monkeypatch.setattr(demo, 'RUNS', [run for run in demo.RUNS if run.direction == 'u2r'])
    demo.run_demo(tmp_path, iterations=2, seed=0)
    out = capsys.readouterr().out

    assert (tmp_path / 'predictions.png').stat().st_size > 10_000
    assert f'{tmp_path}/u2r.zip (checked, no fault)' in out
    for run in demo.RUNS:
        scores = json.loads((tmp_path / run.name / 'metrics.json').read_text())
        assert f'{scores["scores"]["mIoU"]:.2f}' in out
        assert scores['trained_on']['domains'] == ['Urban']
        assert scores['tested_on']['domains'] == ['Rural']
        assert scores['tested_on']['images'] == 2
