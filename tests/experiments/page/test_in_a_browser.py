"""The page in a real browser; skipped if there is none."""

import time

import pytest
from page_browser import CHROMIUM, browser

from depthda.experiments.page.page import make_page

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason='Chromium is not installed (apt-get install chromium)'
)


@pytest.fixture(scope='module')
def page(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp('browser')
    out = folder / 'page.html'
    make_page([made / 'work'], out, ['RGB', '<script>alert(1)</script>'], tiles=1)
    with browser(folder / 'profile') as chromium:
        chromium.open(out)
        yield chromium


def box(page, selector):
    x, y, width, height = page.run(
        f'(r => [r.x, r.y, r.width, r.height])'
        f'(document.querySelector({selector!r}).getBoundingClientRect())'
    )
    return x, y, width, height


def until(page, condition):
    end = time.monotonic() + 5
    while not page.run(condition):
        assert time.monotonic() < end, f'not true within 5 seconds: {condition}'
        time.sleep(0.02)


def test_in_a_browser(page):
    # Every picture is decoded, and the script ran.
    assert page.run(
        '[...document.querySelectorAll(".panels img")]'
        '.every(i => i.complete && i.naturalWidth === 32)'
    )
    # Each group of images has a button, and each group has buttons for four scores.
    groups = page.run('document.querySelectorAll("#scores .switch .switch").length')
    buttons = page.run('document.querySelectorAll("#scores .choices button").length')
    assert groups >= 3 and buttons == groups + 4 * groups

    # Choose another group.
    page.run(
        '[...document.querySelectorAll("#scores .choices button")]'
        '.find(b => b.textContent === "Rural").click()'
    )
    visible = page.run(
        '[...document.querySelectorAll("#scores h3")]'
        '.filter(h => h.offsetParent).map(h => h.textContent)'
    )
    assert len(visible) == 1 and visible[0].startswith('Rural')

    # A click on a picture opens the enlarged view.
    page.run('document.querySelector("article .panels").scrollIntoView({behavior: "instant"})')
    x, y, width, height = box(page, 'article .panels figure:nth-child(4) img')
    for kind in ('mousePressed', 'mouseReleased'):
        page.mouse(kind, x + width / 2, y + height / 2, button='left', clickCount=1)
    until(page, 'document.getElementById("zoom").open')
    assert page.run('document.querySelectorAll("#zoom-grid .view").length') == 8

    # The wheel zooms all panels around the pointer, which stays over the same pixel.
    views = '[...document.querySelectorAll("#zoom-grid .view img")]'
    x, y, width, height = box(page, '#zoom-grid .view')
    before = box(page, '#zoom-grid .view img')
    page.mouse('mouseWheel', x + 0.25 * width, y + 0.75 * height, deltaX=0, deltaY=-500)
    until(page, f'{views}[0].getBoundingClientRect().width > {before[2] * 1.5}')
    widths = page.run(f'{views}.map(i => Math.round(i.getBoundingClientRect().width))')
    assert len(set(widths)) == 1
    after = box(page, '#zoom-grid .view img')
    assert (x + 0.25 * width - after[0]) / after[2] == pytest.approx(0.25, abs=0.01)
    assert (y + 0.75 * height - after[1]) / after[3] == pytest.approx(0.75, abs=0.01)

    # Dragging moves all panels.
    page.mouse('mousePressed', x + 50, y + 50, button='left', clickCount=1)
    page.mouse('mouseMoved', x + 40, y + 45, button='left', buttons=1)
    page.mouse('mouseReleased', x + 40, y + 45, button='left', clickCount=1)
    moved = box(page, '#zoom-grid .view img')
    assert moved[0] - after[0] == pytest.approx(-10, abs=1)
    assert moved[1] - after[1] == pytest.approx(-5, abs=1)

    # The slider is between the two models, and cuts at its position, zoomed or not.
    page.key('s')
    until(page, '!document.getElementById("zoom-wipe").hidden')
    assert page.run('["left", "right"].map(s => document.getElementById("wipe-" + s).value)') == [
        'RGB',
        '<script>alert(1)</script>',
    ]
    x, y, width, height = box(page, '#wipe-view')
    page.mouse('mousePressed', x + width / 2, y + 20, button='left', clickCount=1)
    page.mouse('mouseMoved', x + width * 0.2, y + 20, button='left', buttons=1)
    page.mouse('mouseReleased', x + width * 0.2, y + 20, button='left', clickCount=1)
    assert float(page.run('document.getElementById("wipe-range").value')) == pytest.approx(
        20, abs=1
    )
    cut = page.run('document.getElementById("wipe-over").style.clipPath')
    left, _, full, _ = box(page, '#wipe-over')
    hidden = float(cut.split()[1].rstrip('%')) / 100
    assert left + full * (1 - hidden) == pytest.approx(x + 0.2 * width, abs=full * 0.01)

    # Arrows change the tile, Escape closes.
    title = page.run('document.getElementById("zoom-title").textContent')
    page.key('ArrowRight')
    assert page.run('document.getElementById("zoom-title").textContent') != title
    page.key('Escape')
    until(page, '!document.getElementById("zoom").open')

    assert page.console_messages() == []
    schemes = {address.split(':')[0] for address in page.requests()}
    assert schemes == {'file', 'data'}


def test_the_policy_forbids_the_network(page):
    blocked = page.run("fetch('http://127.0.0.1:9/').then(() => 'let through', () => 'blocked')")
    assert blocked == 'blocked'
    assert any('Content Security Policy' in message for message in page.console_messages())
