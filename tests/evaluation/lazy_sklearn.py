def sk():
    """Import scikit-learn's metrics when a test runs, which saves a second at the start."""
    from sklearn import metrics

    return metrics


def macro_scores(target, pred):
    """Return the summary scores of labels in per cent, by scikit-learn."""
    macro, weighted = (dict(average=kind, zero_division=0) for kind in ('macro', 'weighted'))
    return {
        'mIoU': 100 * sk().jaccard_score(target, pred, **macro),
        'mF1': 100 * sk().f1_score(target, pred, **macro),
        'mPrecision': 100 * sk().precision_score(target, pred, **macro),
        'mRecall': 100 * sk().recall_score(target, pred, **macro),
        'OA': 100 * sk().accuracy_score(target, pred),
        'Kappa': 100 * sk().cohen_kappa_score(target, pred),
        'fwIoU': 100 * sk().jaccard_score(target, pred, **weighted),
    }
