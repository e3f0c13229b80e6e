# LiuZhou as DepthSeg splits it: trained on the train list, selected on val, tested on test. The
# tiles are in data/liuzhou/{images,labels,<depth>}. If each split has its own folders, set
# split='train' (…) and ann_file='' in each dataset.
_base_ = '../pipelines/loaders.py'
data_root = 'data/liuzhou'
depth = 'rdepth/depth-anything-large'  # folder of the teacher's maps, read in training only

# The tiles are 512² and need no crop. The paper mentions no augmentation: the flips are our choice.
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    dict(type='LoadDepth', folder=depth),  # from here on depth is the last channel of the image
    _base_.random_flip,
    _base_.pack,
]
# No depth at test: DepthSeg predicts it.
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
