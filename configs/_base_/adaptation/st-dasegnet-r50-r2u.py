# ST-DASegNet with DeepLabV3+, Rural -> Urban: other weights of the classes.
_base_ = './st-dasegnet-r50.py'
class_weights = [1.25, 1.0, 1.25, 1.0, 1.5, 1.25, 1.0]
adaptation = dict(pseudo=dict(class_weights=[1.5, 1.0, 1.5, 1.0, 2.0, 1.5, 1.0]))
