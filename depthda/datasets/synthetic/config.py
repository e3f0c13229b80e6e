"""The settings of a synthetic world by part, and the frozen world ``v1``.

Lengths are in metres on the ground. A pair ``(low, high)`` is a range from which a value is drawn
for each tile, block or object.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, make_dataclass, replace

from depthda.errors import UserError

SPLITS = ('Train', 'Val', 'Test')


def _weights(text: str) -> tuple[tuple[str, float], ...]:
    """Read ``'name weight name weight …'``."""
    words = text.split()
    return tuple(zip(words[::2], map(float, words[1::2]), strict=True))


# The settings of world v1 by part, each as (urban, rural).
_V1 = dict(
    # Class frequencies and shapes.
    layout=dict(
        # Share of the cells of the street grid that are blocks, not countryside.
        built_up=((0.6, 0.95), (0.05, 0.4)),
        # Kinds of blocks, with weights.
        blocks=(
            _weights(
                'houses 0.25 slabs 0.2 towers 0.08 halls 0.16 quarter 0.15 park 0.06 lot 0.06 '
                'parking 0.04'
            ),
            _weights('farm 0.6 houses 0.3 lot 0.1'),
        ),
        block_m=((48.0, 90.0), (45.0, 80.0)),
        street_m=((5.0, 8.5), (4.0, 6.5)),
        asphalt=(0.75, 0.25),  # share of asphalt streets; the others are concrete
        through_road=(0.5, 0.2),  # chance that a grid line crosses the countryside as a road
        meander_m=(0.0, 9.0),  # how far streets and field borders wander from straight lines
        # Materials of the parcels, with weights.
        fields=(
            _weights(
                'GREEN_CROP 0.22 ORCHARD 0.12 RIPE_CROP 0.1 PLOUGHED 0.12 PADDY 0.04 MEADOW 0.15 '
                'SOIL 0.15 RUBBLE 0.1'
            ),
            _weights(
                'GREEN_CROP 0.28 ORCHARD 0.14 RIPE_CROP 0.12 PLOUGHED 0.16 PADDY 0.06 MEADOW 0.14 '
                'SOIL 0.1'
            ),
        ),
        field_m=((25.0, 50.0), (18.0, 55.0)),
        track=(0.15, 0.2),  # chance that a border between field strips is a dirt track
        forest=((0.0, 0.3), (0.0, 0.5)),  # share of a tile under forest, before blocks cover it
        river=(0.25, 0.3),  # chance of a river
        pond=(0.15, 0.3),  # chance of each of two ponds
        no_data=(0.05, 0.05),  # chance of a strip without annotation along one border
    ),
    # Heights of objects and terrain.
    geometry=dict(
        building_m=((4.0, 45.0), (3.0, 11.0)),  # height of the lowest and the tallest eaves
        tree_m=((5.0, 12.0), (6.0, 15.0)),
        crown_m=((2.0, 3.0), (2.2, 3.6)),  # radius of tree crowns
        crop_m=((0.1, 1.2), (0.1, 1.2)),
        relief_m=((0.5, 4.0), (1.0, 10.0)),  # peak-to-peak height of the terrain
        relief_length_m=(180.0, 220.0),
    ),
    resolution=dict(gsd_m=(0.5, 0.65)),  # the ground sampling distance
    # Season, light, air and sensor.
    appearance=dict(
        autumn=((0.0, 0.35), (0.15, 0.55)),  # 0: summer colours, 1: autumn colours
        sun_azimuth_deg=((120.0, 165.0), (195.0, 240.0)),  # clockwise from north (up)
        sun_elevation_deg=((42.0, 58.0), (37.0, 50.0)),
        gain=((1.0, 1.0, 1.0), (1.03, 1.0, 0.96)),  # sensor gain of each band, red first
        gain_jitter=(0.05, 0.05),
        gamma=((0.92, 1.1), (0.86, 1.02)),
        haze=((0.0, 0.12), (0.02, 0.14)),
        blur_px=((0.5, 0.8), (0.6, 1.0)),
        noise=(2.0, 3.0),  # standard deviation on the scale 0…255
        variety=(0.1, 0.1),  # spread of brightness and tint between objects of one material
    ),
    # Errors of relative depth, like those of a monocular estimator.
    depth=dict(
        fidelity=(0.7, 0.7),  # 1: the true height, normalised; 0: smooth noise
        blur_m=(5.0, 5.0),  # standard deviation of the blur at fidelity 0
        drift=(1.0, 1.0),  # strength of low-frequency drift at fidelity 0
        appearance_error=(1.5, 1.5),  # strength of errors at shadow, water and flat roofs
    ),
)
PARTS = tuple(_V1)


def _settings(name: str, keys: Iterable[str]) -> type:
    """Make a dataclass whose fields are ``keys``, to hold the settings of one part."""
    return make_dataclass(name, keys, frozen=True, namespace={'__module__': __name__})


LayoutConfig, GeometryConfig, ResolutionConfig, AppearanceConfig, DepthConfig = (
    _settings(f'{part.capitalize()}Config', settings) for part, settings in _V1.items()
)
DomainConfig = _settings('DomainConfig', PARTS)


def _domain_v1(column: int) -> DomainConfig:
    kinds = (LayoutConfig, GeometryConfig, ResolutionConfig, AppearanceConfig, DepthConfig)
    values = ((pair[column] for pair in settings.values()) for settings in _V1.values())
    return DomainConfig(*(kind(*part) for kind, part in zip(kinds, values, strict=True)))


WORLDS = {'v1': {'urban': _domain_v1(0), 'rural': _domain_v1(1)}}


@dataclass(frozen=True)
class WorldConfig:
    """All settings of a world. A tile also depends on its split, domain and index."""

    version: str
    seed: int
    size: int
    null: bool
    domains: tuple[tuple[str, DomainConfig], ...]

    def domain(self, name: str) -> DomainConfig:
        check_choice('this world has no domain', name, self.domain_names)
        return dict(self.domains)[name]

    @property
    def domain_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.domains)

    def settings(self) -> dict:
        """Return the settings as built-in types."""
        content = asdict(self)
        content['domains'] = dict(content['domains'])
        return content


def check_choice(problem: str, name: str, choices: Iterable[str]) -> None:
    """Refuse a name that is not in ``choices``; the message begins with ``problem``."""
    if name not in choices:
        raise UserError(f'{problem} {name!r}: choose from {", ".join(choices)}')


def make_world(
    version: str = 'v1',
    domains: tuple[str, ...] = ('urban', 'rural'),
    seed: int = 0,
    size: int = 256,
    gap: tuple[str, ...] = PARTS,
    fidelity: float | None = None,
    null: bool = False,
) -> WorldConfig:
    """Return the settings of a world.

    The arguments are the options of ``depthda sample``, and ``version`` is a key of ``WORLDS``.
    Domains differ in the parts in ``gap`` only. In all other parts, each domain has the settings of
    the first domain, but still draws its tiles from its own random streams.
    """
    check_choice('there is no synthetic world', version, WORLDS)
    presets = WORLDS[version]
    for name in domains:
        check_choice(f'world {version} has no domain', name, presets)
    if not domains or len(set(domains)) != len(domains):
        raise UserError(
            f'the domains are {" ".join(domains) or "empty"}: name one or more, and each only once'
        )
    for part in gap:
        check_choice('the worlds have no part', part, PARTS)
    if size < 64:
        raise UserError(f'tiles of {size} pixels are too small for a scene: use 64 or more')
    if seed < 0:
        raise UserError(f'the seed is {seed}, but it must be 0 or more')
    if fidelity is not None and not 0 <= fidelity <= 1:
        raise UserError(f'the depth fidelity is {fidelity}, but it must be from 0 to 1')
    shared = {part: getattr(presets[domains[0]], part) for part in PARTS if part not in gap}
    if fidelity is not None:  # all domains of a version share their depth settings
        shared['depth'] = replace(presets[domains[0]].depth, fidelity=float(fidelity))
    chosen = tuple((name, replace(presets[name], **shared)) for name in domains)
    return WorldConfig(version, seed, size, null, chosen)
