def sk():
    """Import scikit-learn's metrics when a test runs, which saves a second at the start."""
    from sklearn import metrics

    return metrics
