"""Write checkpoints that hold only data and record where they come from."""

import os

from mmengine.hooks import CheckpointHook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop

from depthda.checkpoints.fit import check_finite, complete_weights, partial_weights
from depthda.checkpoints.loading import file_hash, restore_histories, to_plain
from depthda.evaluation.score_report import choosing_group
from depthda.provenance import describe_dataset, narrowed, samples_per_iteration


@HOOKS.register_module()
class PlainCheckpointHook(CheckpointHook):
    """A ``CheckpointHook`` whose checkpoints hold only data.

    Before saving, everything is converted to tensors and built-ins. ``meta`` records the split that
    chose the checkpoint and the weights that the training started from. On loading, a key that is
    missing, unexpected or of another shape is an error, because mmengine would only warn and
    continue with random weights. A training whose config has ``load_partial=True`` starts from the
    weights of ``load_from`` that fit. A test and a resumed run always need all weights. A resumed
    run replaces only files in its own folder, even if its checkpoint was written to another one.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self._saving_best = False
        self._initialised_from: dict | None = None

    def before_train(self, runner) -> None:
        super().before_train(runner)
        # A checkpoint records absolute paths. If its folder has been copied or moved since, the
        # best checkpoint to replace is in the new folder, and the one in the old folder must stay.
        info = runner.message_hub.runtime_info
        for key in info:
            if key.startswith(('last_ckpt', 'best_ckpt')):
                info[key] = self._here(info[key])
        if getattr(self, 'best_ckpt_path', None):
            self.best_ckpt_path = self._here(self.best_ckpt_path)
        for name, path in getattr(self, 'best_ckpt_path_dict', {}).items():
            self.best_ckpt_path_dict[name] = self._here(path)

    def _here(self, recorded: str | None) -> str | None:
        """Return the file with the recorded name in this run's folder; None if there is none."""
        path = self.file_backend.join_path(self.out_dir, os.path.basename(recorded or ''))
        return path if recorded and self.file_backend.exists(path) else None

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        meta = checkpoint['meta']
        meta['samples_per_iteration'] = samples_per_iteration(runner)
        meta['trained_on'] = describe_dataset(runner.train_dataloader.dataset)
        if self._initialised_from:
            meta['initialised_from'] = self._initialised_from
        meta['selection'] = {'rule': 'last iteration', 'on': None}
        if self._saving_best:
            rule = f'best {", ".join(self.key_indicators)}'
            meta['selection'] = {'rule': rule, 'on': self._chosen_on(runner)}
        for key in checkpoint.keys() - {'state_dict', 'optimizer'}:
            checkpoint[key] = to_plain(checkpoint[key])

    def _chosen_on(self, runner) -> dict:
        """Describe the images whose score chose the checkpoint: all, or one group of them."""
        metrics = runner.val_loop.evaluator.metrics
        headlines = [getattr(metric, 'headline', None) for metric in metrics]
        group = choosing_group(self.key_indicators, headlines)
        return narrowed(describe_dataset(runner.val_dataloader.dataset), group)

    def _save_best_checkpoint(self, runner, metrics) -> None:
        self._saving_best = True
        super()._save_best_checkpoint(runner, metrics)
        self._saving_best = False

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        # After a new best checkpoint, mmengine writes the regular one again, which is not the best.
        saving_best, self._saving_best = self._saving_best, False
        super()._save_checkpoint_with_step(runner, step, meta)
        self._saving_best = saving_best

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        model = runner.model
        while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
            model = model.module
        # Only in a training has the runner built a train loop by now.
        starts = isinstance(runner._train_loop, BaseLoop) and not runner._resume
        name, record = runner._load_from, {}
        if starts and runner.cfg.get('load_partial'):
            weights, record = partial_weights(model, checkpoint, name)
        else:
            advice = 'use the config it was trained with'
            if starts:
                plus = '' if 'load_partial' in runner.cfg else '+'
                advice = f'to start from what fits, add --cfg-options {plus}load_partial=True'
            weights = complete_weights(model, checkpoint, advice, name or 'the checkpoint')
        if not (starts or runner._resume):
            check_finite(weights, name or 'the checkpoint')
        if 'state_dict' in checkpoint:
            checkpoint['state_dict'] = weights
        else:
            checkpoint.clear()
            checkpoint.update(weights)
        if starts:
            content = {} if '://' in name else {'sha256': file_hash(name)}
            self._initialised_from = {'file': name} | content | record
        else:
            self._initialised_from = checkpoint.get('meta', {}).get('initialised_from')
        if 'message_hub' in checkpoint:
            restore_histories(checkpoint['message_hub'])
