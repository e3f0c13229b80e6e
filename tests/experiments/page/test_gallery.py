import numpy as np

from depthda.experiments.page.gallery import pick_tiles


def by_title(picks):
    return {pick.title: pick.indices for pick in picks}


def test_best_median_and_worst_of_one_run():
    scores = np.array([[50.0, 90, 10, np.nan, 70, 30, 60, 20]])
    # In order: 90 70 60 50 30 20 10. These are seven tiles, so each heading has two.
    assert by_title(pick_tiles(scores, 2, None)) == {
        'Best': [1, 4],
        'Median': [6, 0],
        'Worst': [2, 7],
    }


def test_no_tile_of_a_small_dataset_is_both_best_and_worst():
    picks = by_title(pick_tiles(np.array([[1.0, 2, 3, 4]]), 4, None))
    assert picks == {'Best': [3], 'Median': [2], 'Worst': [0]}
    assert by_title(pick_tiles(np.array([[1.0, 2]]), 4, None)) == {'All tiles': [1, 0]}


def test_gain_and_loss_compare_the_last_run_with_the_first():
    table = np.array([[50.0, 50, 50, 50, 50], [0, 0, 0, 0, 0], [80.0, 45, 50, 20, 51]])
    picks = by_title(pick_tiles(table, 4, ('A', 'C')))
    assert picks['Largest gain'] == [0, 4]
    assert picks['Largest loss'] == [3, 1]
    # The other headings use the mean of all runs.
    assert picks['Best'] == [0] and picks['Worst'] == [3]


def test_a_heading_without_a_tile_is_left_out():
    table = np.array([[50.0, 50, 50], [60.0, 60, 60]])
    assert 'Largest loss' not in by_title(pick_tiles(table, 1, ('A', 'B')))
