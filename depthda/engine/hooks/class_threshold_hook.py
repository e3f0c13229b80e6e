"""Compute the class thresholds of pseudo-labels from the whole target set."""

from mmengine.dist import all_reduce, get_dist_info
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from depthda.errors import UserError
from depthda.models.adaptation.pseudo_labels import ClassPortion
from depthda.models.adaptation.step import unpadded
from depthda.randomness import SampleKey, derive_seed


@HOOKS.register_module()
class ClassThresholdHook(Hook):
    """Refresh the thresholds of ``ClassPortion`` when the ``SnapshotTeacher`` copies the student.

    One crop of each target tile is labelled, shared among the processes. The thresholds are in the
    checkpoint, so a resumed run goes on with them.
    """

    # Before the iteration, and after the hook that seeds it.
    priority = 'NORMAL'

    def before_train(self, runner: Runner) -> None:
        model = _model(runner)
        if not isinstance(getattr(model, 'pseudo', None), ClassPortion) or model.teacher is None:
            raise UserError(
                'ClassThresholdHook needs a DomainAdaptation with a SnapshotTeacher and '
                'ClassPortion: leave it out of custom_hooks.'
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        model = _model(runner)
        every = model.teacher.every
        if runner.iter < model.warm_up or runner.iter % every:
            return
        model.teacher.update(model.segmentor, runner.iter)
        target = runner.train_dataloader.dataset.sets['target']
        rank, world = get_dist_info()
        # A process may have no tile.
        none = model.pseudo.thresholds.new_zeros(0, model.num_classes, 1, 1)
        counts = model.pseudo.histogram(none)
        for index in range(rank, len(target), world):
            seed = derive_seed(runner.seed, 'thresholds', runner.iter, index)
            sample = target[SampleKey(index, seed)]
            batch = {key: [value] for key, value in sample.items()}
            found = model.data_preprocessor.target(batch, True)
            probabilities = model.probabilities(found['inputs'])
            height, width = unpadded(found['data_samples'][0], probabilities.shape[2:])
            counts += model.pseudo.histogram(probabilities[..., :height, :width])
        all_reduce(counts)
        model.pseudo.set_thresholds(counts)


def _model(runner: Runner):
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
