import pytest

from depthda.errors import UserError
from depthda.processes import check_launcher


@pytest.fixture(autouse=True)
def without_launcher(monkeypatch):
    for name in ('WORLD_SIZE', 'RANK', 'SLURM_NTASKS', 'SLURM_STEP_ID', 'MASTER_ADDR'):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    'environment, launcher',
    [
        ({'WORLD_SIZE': '4', 'RANK': '1'}, 'pytorch'),
        ({'SLURM_NTASKS': '2', 'SLURM_STEP_ID': '0'}, 'slurm'),
    ],
)
def test_several_processes_without_a_launcher_are_refused(monkeypatch, environment, launcher):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f'add --launcher {launcher}'):
        check_launcher('none')


@pytest.mark.parametrize(
    'environment',
    [
        {},
        {'WORLD_SIZE': '1', 'RANK': '0'},
        {'SLURM_NTASKS': '8', 'SLURM_PROCID': '0'},
        {'SLURM_STEP_ID': '0'},
    ],
)
def test_a_single_process_needs_no_launcher(monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    check_launcher('none')


def test_a_launcher_without_its_environment_is_refused(monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '2')
    with pytest.raises(UserError, match='finds no RANK.*start it with torchrun'):
        check_launcher('pytorch')
    with pytest.raises(UserError, match='SLURM_PROCID.*srun'):
        check_launcher('slurm')
