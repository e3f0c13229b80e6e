"""Describe what an iteration costs, for people."""

from collections.abc import Iterator

from depthda.cost.cards import GraphicsCard
from depthda.cost.iteration import Cost

# Measured on machines with an H200 (docs/cost.md): kernels take 1.4 to 3.1 times as long as their
# bytes and FLOPs need at least, and a CPU takes up to 40 µs to launch an operation; a fast one, 12.
_KERNELS, _LAUNCH = (1.4, 3.1), (12e-6, 40e-6)
# Memory beyond the tensors: gaps between blocks (a share), workspaces, and the CUDA context.
_GAPS, _REST_GIB = 1.05, 2.0
_SHOWN = 12


def memory_gib(cost: Cost) -> float:
    """Return the memory that an iteration needs on a card, with what the count does not see."""
    return cost.peak_gib * _GAPS + _REST_GIB


def fits(cost: Cost, card: GraphicsCard) -> bool:
    return memory_gib(cost) <= card.memory


def seconds(cost: Cost, card: GraphicsCard) -> tuple[float, float]:
    """Return the least and the greatest estimate of the time of an iteration.

    The CPU launches operations while the GPU computes, so the slower of the two decides.
    """
    gpu, count = cost.seconds[card.title], cost.launch_count
    low, high = (max(gpu * k, count * c) for k, c in zip(_KERNELS, _LAUNCH, strict=True))
    return low, high


def limit(cost: Cost, card: GraphicsCard) -> str:
    """Return what decides the time of an iteration."""
    if cost.launch_count * sum(_LAUNCH) > cost.seconds[card.title] * sum(_KERNELS):
        return 'launches by the CPU'
    limits = cost.limits[card.title]
    return 'memory bandwidth' if max(limits, key=limits.get) == 'bandwidth' else 'computation'


def table(cost: Cost, cards: list[GraphicsCard]) -> Iterator[str]:
    """Yield the lines of a table with one line per card."""
    length = f'{cost.iterations:,} iterations' if cost.iterations else ''
    yield f'{"card":<12} {"memory":<18} {"one iteration":<16} {length:<18} limited by'.rstrip()
    for card in cards:
        low, high = seconds(cost, card)
        needed = f'{memory_gib(cost):.1f} of {card.memory} GiB'
        if not fits(cost, card):
            yield f'{card.title:<12} {needed:<18} does not fit'
            continue
        step, hours = _range(1e3 * low, 1e3 * high, 'ms'), ''
        if cost.iterations:
            hours = _range(cost.iterations * low / 3600, cost.iterations * high / 3600, 'h')
        yield f'{card.title:<12} {needed:<18} {step:<16} {hours:<18} {limit(cost, card)}'


def details(cost: Cost) -> Iterator[str]:
    """Yield lines about launches, casts, waits, FLOPs, bytes and memory."""
    phases = ', '.join(f'{number:,} {name}' for name, number in cost.launches.items())
    yield f'launches    {cost.launch_count:,} ({phases})'
    top = sorted(cost.operations.items(), key=lambda item: -item[1])[:_SHOWN]
    yield f'            most often: {", ".join(f"{name} {number:,}" for name, number in top)}'
    low, high = (1e3 * cost.launch_count * each for each in _LAUNCH)
    yield f'            which take a CPU {low:.0f} to {high:.0f} ms'
    casts = ', '.join(f'{number:,} {name}' for name, number in cost.casts.items())
    yield f'casts       {cost.cast_count:,}' + (f' ({casts})' if casts else '')
    yield f'waits       {cost.wait_count:,}'
    yield from (f'            {number} × {where}' for where, number in cost.waits.items())
    yield f'computation {cost.gflop:,.0f} GFLOP; {cost.gigabytes:.1f} GB read and written'
    yield (
        f'memory      at most {cost.peak_gib:.2f} GiB of tensors, and {cost.resident_gib:.2f} GiB '
        f'between iterations; {cost.parameters / 1e6:.1f} million parameters'
    )
    for title, value in cost.seconds.items():
        limits = cost.limits[title]
        share = 100 * limits.get('bandwidth', 0) / max(sum(limits.values()), 1e-12)
        yield f'{title:<11} {1e3 * value:.1f} ms at least; {share:.0f} % of it limited by bandwidth'


def advice(
    cost: Cost, smaller: Cost | None, cards: list[GraphicsCard], half: bool
) -> Iterator[str]:
    """Yield what to change for cards that the iteration does not fit, or that lack bfloat16."""
    small = [card.title for card in cards if not fits(cost, card)]
    if small and smaller is not None:
        parts = cost.batch // smaller.batch
        yield (
            f'{", ".join(small)}: train_dataloader.batch_size={smaller.batch} with '
            f'optim_wrapper.accumulative_counts={parts} needs {memory_gib(smaller):.1f} GiB; '
            f'multiply max_iters by {parts} for as many updates'
        )
    elif small:
        yield (
            f'{", ".join(small)}: not even the smallest batch fits; use smaller crops or encoders'
        )
    if half and (old := [card.title for card in cards if not card.has_bf16]):
        yield (
            f"{', '.join(old)} has no bfloat16: set optim_wrapper.type='AmpOptimWrapper' and "
            "optim_wrapper.dtype='float16'"
        )


def _range(low: float, high: float, unit: str) -> str:
    first, last = (f'{value:.0f}' if value >= 10 else f'{value:.1f}' for value in (low, high))
    return f'{first} {unit}' if first == last else f'{first} to {last} {unit}'
