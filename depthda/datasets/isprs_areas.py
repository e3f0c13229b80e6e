"""The classes and areas of ISPRS Potsdam and Vaihingen, in a module without slow imports."""

CLASSES = ('impervious_surface', 'building', 'low_vegetation', 'tree', 'car', 'clutter')
PALETTE = [[255, 255, 255], [0, 0, 255], [0, 255, 255], [0, 255, 0], [255, 255, 0], [255, 0, 0]]


def _vaihingen(*numbers: int) -> tuple[str, ...]:
    return tuple(f'area{number}' for number in numbers)


_POTSDAM_TRAIN = (
    '2_10 2_11 2_12 3_10 3_11 3_12 4_10 4_11 4_12 5_10 5_11 5_12 '
    '6_7 6_8 6_9 6_10 6_11 6_12 7_7 7_8 7_9 7_10 7_11 7_12'
).split()
_POTSDAM_TEST = '2_13 2_14 3_13 3_14 4_13 4_14 4_15 5_13 5_14 5_15 6_13 6_14 6_15 7_13'.split()
_ALL = (*range(1, 9), *range(10, 18), *range(20, 25), *range(26, 36), 37, 38)
_VAL = (2, 5, 7, 8, 13, 20, 22, 24)
_TRAIN = (1, 3, 5, 7, 11, 13, 15, 17, 21, 23, 26, 28, 30, 32, 34, 37)

# The areas of each split.
POTSDAM = {
    'all': (*_POTSDAM_TRAIN, *_POTSDAM_TEST),
    'official-train': (*_POTSDAM_TRAIN,),
    'official-test': (*_POTSDAM_TEST,),
}
VAIHINGEN = {
    'all': _vaihingen(*_ALL),
    'val': _vaihingen(*_VAL),
    'test': _vaihingen(*sorted({*_ALL} - {*_VAL})),
    'official-train': _vaihingen(*_TRAIN),
    'official-test': _vaihingen(*sorted({*_ALL} - {*_TRAIN})),
}
