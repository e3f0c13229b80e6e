# TransNorm (NeurIPS 2019) as in LoveDA's baselines: AdaptSegNet's losses on two heads of one stage,
# and an encoder that normalises each domain by its own statistics. Tiny models have one head.
_base_ = './adaptsegnet.py'
critic = dict(type='OutputCritic')
adaptation = dict(
    _delete_=True,
    type='DomainAdaptation',
    terms=[
        dict(type='OutputAdversary', critic=critic, weight=0.001, head='decode_head.0'),
        dict(type='OutputAdversary', critic=critic, weight=0.0002, head='decode_head.1'),
    ],
)
