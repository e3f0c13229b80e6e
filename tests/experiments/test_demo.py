from depthda.experiments import demo
from depthda.io.files import read_json


def test_the_demo_ends_with_a_table_a_picture_and_a_checked_zip(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, 'SAMPLE', {'train': 12, 'test': 2, 'size': 128})
    monkeypatch.setattr(demo, 'DIRECTIONS', {'u2r': ('Urban', 'Rural')})
    demo.run_demo(tmp_path, iterations=2, seed=0)
    out = capsys.readouterr().out

    assert (tmp_path / 'predictions.png').stat().st_size > 10_000
    assert f'{tmp_path}/u2r.zip (checked, no errors)' in out
    assert 'RGB + depth' in (tmp_path / 'u2r.html').read_text()
    results = [read_json(path) for path in tmp_path.glob('demo/*/*/result.json')]
    assert {result['row'] for result in results} == {'upernet-u2r', 'depthda-u2r'}
    for result in results:
        assert f'{result["scores"]["mIoU"]:.2f}' in out
        assert result['trained_on']['domains'] == ['Urban']
        assert result['tested_on']['domains'] == ['Rural']
        assert result['tested_on']['images'] == 2

    # When it is stopped and started again, it repeats nothing.
    demo.run_demo(tmp_path, iterations=2, seed=0)
    assert 'mIoU' in capsys.readouterr().out
    assert len(list(tmp_path.glob('demo/*/*/2*'))) == 4  # a training and a test of each
