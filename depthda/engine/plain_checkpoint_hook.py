"""Checkpoints that hold data only and say how they came to be."""

from collections.abc import Sequence

from mmengine.hooks import CheckpointHook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS

from depthda.engine.checkpoints import describe_mismatch, restore_histories, to_plain
from depthda.engine.provenance import describe_dataset
from depthda.errors import UserError


@HOOKS.register_module()
class PlainCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` for checkpoints as data.

    Before saving, everything but tensors and built-ins is turned into these, and the split that
    chose the checkpoint is written into its ``meta``. After loading, a key that is missing, left
    over or of another shape is an error, because mmengine would only warn and go on with random
    weights.

    Args:
        allowed_keys: Regular expressions of weights that may be missing or left over on load
            (a fine-tuned head, say).
        **kwargs: As for ``CheckpointHook``.
    """

    def __init__(self, allowed_keys: Sequence[str] = (), **kwargs) -> None:
        super().__init__(**kwargs)
        self.allowed_keys = tuple(allowed_keys)
        self._saving_best = False

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        meta = checkpoint['meta']
        meta['trained_on'] = describe_dataset(runner.train_dataloader.dataset)
        meta['selection'] = {'rule': 'last iteration', 'on': None}
        if self._saving_best:
            meta['selection'] = {
                'rule': f'best {", ".join(self.key_indicators)}',
                'on': describe_dataset(runner.val_dataloader.dataset),
            }
        for key in checkpoint.keys() - {'state_dict', 'optimizer'}:
            checkpoint[key] = to_plain(checkpoint[key])

    def _save_best_checkpoint(self, runner, metrics) -> None:
        self._saving_best = True
        super()._save_best_checkpoint(runner, metrics)
        self._saving_best = False

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        # mmengine writes the regular checkpoint once more after a new best one.
        saving_best, self._saving_best = self._saving_best, False
        super()._save_checkpoint_with_step(runner, step, meta)
        self._saving_best = saving_best

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        model = runner.model
        while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
            model = model.module
        weights = checkpoint.get('state_dict', checkpoint)
        if fault := describe_mismatch(model, weights, self.allowed_keys):
            raise UserError(
                f'the checkpoint does not fit the model of this config: weights {fault}; test it '
                'with the config it was trained with, or declare the keys in '
                'default_hooks.checkpoint.allowed_keys.'
            )
        # Some models look for themselves, too.
        model.allowed_keys = self.allowed_keys
        if 'message_hub' in checkpoint:
            restore_histories(checkpoint['message_hub'])
