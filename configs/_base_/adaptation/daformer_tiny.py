# DAFormer for tiny models and short trainings. The settings were chosen on worlds that no table
# uses: see docs/synthetic-benchmark.md.
_base_ = './daformer.py'
adaptation = dict(
    teacher=dict(momentum=0.99),
    pseudo=dict(threshold=0.9),
)
