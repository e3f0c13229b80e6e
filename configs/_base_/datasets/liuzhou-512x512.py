# LiuZhou with DepthSeg's lists of tiles: train, val (selects the checkpoint) and test. The tiles
# are in data/liuzhou/{images,labels,<depth>}. If each split has its own folders, set ann_file=''
# and split='train' (or 'val', 'test') in each dataset.
_base_ = '../pipelines/loaders.py'
data_root = 'data/liuzhou'
depth = 'rdepth/depth-anything-large'  # folder of the teacher's depth maps, for training only

# Tiles of 512² need no crop. The flips are our choice: the paper mentions no augmentation.
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    dict(type='LoadDepth', folder=depth),  # from here on depth is the last channel of the image
    _base_.random_flip,
    _base_.pack,
]
# A test reads no depth maps, because DepthSeg predicts depth.
test_pipeline = [_base_.load_image, _base_.no_depth, _base_.load_labels, _base_.pack]
tta_pipeline = [_base_.load_image, _base_.no_depth, _base_.average_flips]

train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        type='LiuZhou',
        data_root=data_root,
        ann_file='train.txt',
        depth=depth,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='LiuZhou',
        data_root=data_root,
        ann_file='val.txt',
        depth=None,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    dataset=dict(
        type='LiuZhou',
        data_root=data_root,
        ann_file='test.txt',
        depth=None,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
