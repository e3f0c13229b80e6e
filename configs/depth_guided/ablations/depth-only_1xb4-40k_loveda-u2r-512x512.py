# ablates: model.neck, model.decode_head
# Depth as a second encoder, neither contrast nor refinement: DepthDA.
_base_ = '../../depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
