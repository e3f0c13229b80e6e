# DRDG, Table II: what the two depth losses each add to RDG.
title = 'DRDG, Table II: ablation, Potsdam IRRG → Vaihingen'
caption = 'Figures in %. DSL: depth supervised loss, DCCL: depth cycle consistency loss.'
seeds = (0, 1, 2)
columns = [dict(key='mIoU', title='mIoU'), dict(key='mF1', title='mF1')]

WHY = 'DRDG is not in this project yet'
rows = [
    dict(name='rdg', title='RDG (neither loss)', absent=WHY, paper=(51.75, 64.93)),
    dict(name='without-dsl', title='DRDG without DSL', absent=WHY, paper=(50.33, 63.39)),
    dict(name='without-dccl', title='DRDG without DCCL', absent=WHY, paper=(52.93, 65.56)),
    dict(name='drdg', title='DRDG', absent=WHY, paper=(53.26, 65.75)),
]
