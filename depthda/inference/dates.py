"""Find when a scene was taken: an instant, or the span of a day, a month or a year."""

import re
from calendar import monthrange
from datetime import datetime, timezone
from pathlib import Path

from depthda.errors import UserError
from depthda.io.rasters import open_raster

Span = tuple[datetime, datetime]
# Tags with the time of acquisition, and one that may hold the time when the file was written.
_TAGS = ('ACQUISITIONDATETIME', 'ACQUISITION_DATETIME', 'ACQUISITION_DATE', 'EXIF_DateTimeOriginal')
_WRITTEN = 'TIFFTAG_DATETIME'
_FORM = re.compile(
    r'(\d{4})(?:[-:](\d\d)(?:[-:](\d\d)'
    r'(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)? ?(Z|[+-]\d\d:\d\d)?)?)?)?'
)


def read_span(text: str) -> Span:
    """Return the first and the last moment that a text names.

    The text is an instant (``2021-06-03T10:15:00Z``), a day, a month or a year, or two of these
    separated by a slash. Times without an offset are in UTC.
    """
    parts = [_moments(part.strip()) for part in text.split('/')]
    if len(parts) > 2 or None in parts or parts[0][0] > parts[-1][1]:
        raise UserError(
            f'--datetime {text} is not a date: use an instant, a day, a month or a year, such as '
            '2021-06-03T10:15:00Z or 2021-06, or two of them, such as 2021-06-03/2021-06-05.'
        )
    return parts[0][0], parts[-1][1]


def scene_span(source: str | Path) -> tuple[Span, str | None] | None:
    """Return when a scene was taken according to its tags; None if no tag says so.

    The second value is a warning if the date may be wrong, or else None.
    """
    with open_raster(source) as raster:
        tags = raster.tags() | raster.tags(ns='IMAGERY')
    for name in (*_TAGS, _WRITTEN):
        if span := _moments(str(tags.get(name, '')).strip()):
            doubt = (
                f'the date of {source} is its tag {name}, which may be the time when the file was '
                'written: if so, set --datetime'
            )
            return span, doubt if name == _WRITTEN else None
    return None


def _moments(text: str) -> Span | None:
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    if hour:
        text = f'{year}-{month}-{day}T{hour}:{minute}:{second or "00"}'
        text += '+00:00' if zone in (None, 'Z') else zone
        ends = [text, text]
    else:
        last = monthrange(int(year), int(month))[1] if month and 1 <= int(month) <= 12 else 31
        ends = [
            f'{year}-{month or "01"}-{day or "01"}T00:00:00+00:00',
            f'{year}-{month or "12"}-{day or last}T23:59:59+00:00',
        ]
    try:
        first, last = (datetime.fromisoformat(end).astimezone(timezone.utc) for end in ends)
    except (ValueError, OverflowError):  # such as a 13th month or an offset of a day
        return None
    return first, last
