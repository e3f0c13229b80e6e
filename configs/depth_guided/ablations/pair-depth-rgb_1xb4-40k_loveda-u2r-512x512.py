# ablates: model.neck.pair
# Plain InfoNCE between depth and optical features, averaged over both directions; the optical
# features are not enhanced by depth first.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(neck=dict(pair='depth-rgb'))
