"""The steps of a table row that translates images and trains a model on the translations."""


def chain(
    translation,
    segmentation,
    model=None,
    options=None,
    data='',
    test=None,
    images='train_dataloader.dataset',
):
    """Return steps that train a translation, translate with it, and train and test a segmentation.

    Args:
        translation, segmentation: Config files.
        model: Config overrides for the translation.
        options: Config overrides for the training of the segmentation.
        data: Folder of the dataset to translate, instead of the one in the config.
        test: More fields of the last step.
        images: Key of the dataset that reads the translated images.
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
            options={f'{images}.data_root': translated, **(options or {})},
        ),
        dict(test=segmentation, of='segmentation', **(test or {})),
    ]
