"""A row of several steps: images are translated, and a model learns from the translations."""


def chain(translation, segmentation, model=None, options=None, data='', test=None):
    """Train a translation, translate with it, train a segmentation on the result, test that.

    Args:
        translation, segmentation: Config files.
        model: Overrides of the translation.
        options: Overrides for the training of the segmentation.
        data: Dataset that is translated, instead of the one in the config.
        test: More fields of the last step.
    """
    model = model or {}
    words = [f'{key}={value}'.replace(' ', '') for key, value in model.items()]
    words += [f'translate_dataset.data_root={data}'] if data else []
    translated = '{run}/translated'
    tool = ['tools/translate.py', translation, '{run}/translation', '--out', translated]
    return [
        dict(train=translation, name='translation', options=model),
        dict(tool=[*tool, *(('--cfg-options', *words) if words else ())]),
        dict(
            train=segmentation,
            name='segmentation',
            options={'train_dataloader.dataset.data_root': translated, **(options or {})},
        ),
        dict(test=segmentation, of='segmentation', **(test or {})),
    ]
