'use strict';
// The page can be read and printed without this script: it adds switches, values on hover and the enlarged view.

for (const box of document.querySelectorAll('.switch')) {
  const panels = [...box.children];
  const bar = document.createElement('div');
  bar.className = 'choices';
  bar.setAttribute('role', 'group');
  bar.setAttribute('aria-label', box.dataset.label);
  const label = document.createElement('span');
  label.textContent = box.dataset.label;
  bar.append(label);
  const choose = (chosen) => {
    panels.forEach((panel, i) => { panel.hidden = i !== chosen; });
    bar.querySelectorAll('button').forEach((b, i) => b.setAttribute('aria-pressed', i === chosen));
  };
  panels.forEach((panel, i) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = panel.dataset.name;
    button.addEventListener('click', () => choose(i));
    bar.append(button);
  });
  box.prepend(bar);
  choose(0);
}

// Curves: show the values nearest to the pointer.
for (const chart of document.querySelectorAll('.chart')) {
  const svg = chart.querySelector('svg');
  const [left, right, top, bottom, low, high] = JSON.parse(svg.dataset.frame);
  const names = JSON.parse(chart.dataset.names);
  const series = [...svg.querySelectorAll('.series')].map((g) => ({
    name: names[g.dataset.index], points: JSON.parse(g.dataset.points), colour: g.dataset.index % 6 + 1,
  }));
  const cursor = document.createElementNS('http://www.w3.org/2000/svg', 'line');
  cursor.setAttribute('class', 'cursor');
  cursor.setAttribute('y1', top);
  cursor.setAttribute('y2', bottom);
  const tip = document.createElement('div');
  tip.className = 'tip';
  const hide = () => { cursor.remove(); tip.remove(); };
  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    if (x < left - 8 || x > right + 8) { hide(); return; }
    const step = low + (x - left) / (right - left) * (high - low);
    const near = series.map((s) => s.points.reduce(
      (a, b) => (Math.abs(b[0] - step) < Math.abs(a[0] - step) ? b : a)));
    const closest = near.reduce((a, b) => (Math.abs(b[0] - step) < Math.abs(a[0] - step) ? b : a));
    const at = left + (closest[0] - low) / (high - low) * (right - left);
    cursor.setAttribute('x1', at);
    cursor.setAttribute('x2', at);
    tip.replaceChildren(...series.map((s, i) => {
      const row = document.createElement('div');
      const key = document.createElement('span');
      key.className = `key s${s.colour}`;
      const value = near[i][1] === null ? '–' : near[i][1].toFixed(3);
      row.append(key, `${s.name}: ${value} at step ${near[i][0]}`);
      return row;
    }));
    svg.append(cursor);
    chart.append(tip);
    const px = at / svg.viewBox.baseVal.width * box.width;
    const flip = px + 14 + tip.offsetWidth > box.width;
    tip.style.left = `${flip ? Math.max(px - 14 - tip.offsetWidth, 0) : px + 14}px`;
  });
  svg.addEventListener('pointerleave', hide);
}

// The enlarged view: all pictures of a tile share one zoom and position.
const dialog = document.getElementById('zoom');
const byId = (id) => document.getElementById(id);
const tiles = [...document.querySelectorAll('.tile')];
const HELP = byId('zoom-readout').textContent;
const state = { tile: 0, x: 0, y: 0, z: 1, wipe: 50, wiping: false, panels: [], left: null, right: null };
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function updateView() {
  // Offsets are fractions of a picture's side, so they hold for every size on the screen.
  state.z = clamp(state.z, 1, 40);
  state.x = clamp(state.x, 1 - state.z, 0);
  state.y = clamp(state.y, 1 - state.z, 0);
  dialog.style.setProperty('--x', state.x);
  dialog.style.setProperty('--y', state.y);
  dialog.style.setProperty('--z', state.z);
  dialog.classList.toggle('crisp', state.z >= 3);
  byId('zoom-scale').textContent = `${Math.round(state.z * 100)} %`;
  wipeTo(state.wipe);
}

function zoomBy(factor, u = 0.5, v = 0.5) {
  const z = clamp(state.z * factor, 1, 40);
  state.x = u - (u - state.x) * z / state.z;
  state.y = v - (v - state.y) * z / state.z;
  state.z = z;
  updateView();
}

function wipeTo(percent) {
  state.wipe = clamp(percent, 0, 100);
  byId('wipe-range').value = state.wipe;
  byId('wipe-view').style.setProperty('--wipe', `${state.wipe}%`);
  // The clip is relative to the picture, which is moved and scaled; the line is relative to the view.
  const cut = clamp((state.wipe / 100 - state.x) / state.z, 0, 1);
  byId('wipe-over').style.clipPath = `inset(0 ${(1 - cut) * 100}% 0 0)`;
}

function layOut() {
  if (!dialog.open || !state.panels.length) return;
  const { naturalWidth: w, naturalHeight: h } = state.panels[0].img;
  const room = byId(state.wiping ? 'zoom-wipe' : 'zoom-grid');
  const width = room.clientWidth;
  const height = room.clientHeight;
  if (state.wiping) {
    const side = Math.min(width / w, (height - 40) / h);
    byId('wipe-view').style.cssText += `;width:${w * side}px;height:${h * side}px`;
    return;
  }
  let best = { side: 0, columns: 1 };
  for (let columns = 1; columns <= state.panels.length; columns += 1) {
    const rows = Math.ceil(state.panels.length / columns);
    const side = Math.min((width - 8 * (columns - 1)) / columns / w, (height / rows - 30) / h);
    if (side > best.side) best = { side, columns };
  }
  room.style.gridTemplateColumns = `repeat(${best.columns}, ${w * best.side}px)`;
  room.querySelectorAll('.view').forEach((view) => { view.style.height = `${h * best.side}px`; });
}

function setWiping(on) {
  state.wiping = on;
  dialog.classList.toggle('wiping', on);
  byId('zoom-grid').hidden = on;
  byId('zoom-wipe').hidden = !on;
  dialog.querySelector('[data-do=grid]').setAttribute('aria-pressed', !on);
  dialog.querySelector('[data-do=wipe]').setAttribute('aria-pressed', on);
  layOut();
}

function showPair() {
  for (const [id, side] of [['wipe-over', 'left'], ['wipe-under', 'right']]) {
    const panel = state.panels.find((p) => p.caption === state[side]) || state.panels[0];
    byId(id).src = panel.img.src;
    byId(id).className = panel.kind;
    byId(id).alt = panel.caption;
  }
}

function show(index) {
  state.tile = (index + tiles.length) % tiles.length;
  const tile = tiles[state.tile];
  state.panels = [...tile.querySelectorAll('figure')].map((figure) => ({
    kind: figure.dataset.kind, caption: figure.dataset.caption, img: figure.querySelector('img'), colours: null,
  }));
  byId('zoom-title').textContent = `Tile ${tile.dataset.key}`;
  byId('zoom-grid').replaceChildren(...state.panels.map((panel) => {
    const figure = document.createElement('figure');
    const view = document.createElement('div');
    view.className = 'view';
    const img = document.createElement('img');
    img.src = panel.img.src;
    img.alt = panel.img.alt;
    img.className = panel.kind;
    img.draggable = false;
    view.append(img);
    const caption = document.createElement('figcaption');
    caption.textContent = panel.caption;
    figure.append(view, caption);
    return figure;
  }));
  const captions = state.panels.map((p) => p.caption);
  const labels = state.panels.filter((p) => p.kind === 'labels').map((p) => p.caption);
  // Compare the first and the last model, or the labels and the only model.
  const [left, right] = labels.length > 2 ? [labels[1], labels[labels.length - 1]] : [labels[0], labels[1] || captions[0]];
  if (!captions.includes(state.left)) state.left = left;
  if (!captions.includes(state.right)) state.right = right;
  for (const side of ['left', 'right']) {
    byId(`wipe-${side}`).replaceChildren(...captions.map((c) => new Option(c, c, false, c === state[side])));
  }
  showPair();
  byId('zoom-readout').textContent = HELP;
  if (!dialog.open) dialog.showModal();
  layOut();
  updateView();
}

// Name the classes under the pointer: label maps hold exact colours.
const classes = new Map([...document.querySelectorAll('#classes li')].map((li) => [li.dataset.rgb, li.textContent]));
function readOut(u, v) {
  const texts = [];
  for (const panel of state.panels.filter((p) => p.kind === 'labels')) {
    if (!panel.colours) {
      const canvas = document.createElement('canvas');
      canvas.width = panel.img.naturalWidth;
      canvas.height = panel.img.naturalHeight;
      panel.colours = canvas.getContext('2d', { willReadFrequently: true });
      panel.colours.drawImage(panel.img, 0, 0);
    }
    const { width, height } = panel.colours.canvas;
    const [x, y] = [Math.floor(u * width), Math.floor(v * height)];
    const rgb = panel.colours.getImageData(x, y, 1, 1).data.slice(0, 3).join(',');
    texts.push(`${panel.caption}: ${classes.get(rgb) || 'ignored'}`);
  }
  byId('zoom-readout').textContent = texts.join(' · ');
}

const viewOf = (event) => event.target.closest('.view');
function partOf(event, view) {
  const box = view.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}
dialog.addEventListener('wheel', (event) => {
  const view = viewOf(event);
  if (!view) return;
  event.preventDefault();
  zoomBy(Math.exp(-event.deltaY * 0.0016), ...partOf(event, view));
}, { passive: false });
let drag = null;
dialog.addEventListener('pointerdown', (event) => {
  const view = viewOf(event);
  if (!view || event.button !== 0) return;
  event.preventDefault();
  drag = { view, wipe: event.target.id === 'wipe-line', from: partOf(event, view), x: state.x, y: state.y };
});
addEventListener('pointermove', (event) => {
  if (!dialog.open) return;
  if (!drag) {
    const view = viewOf(event);
    if (view && dialog.contains(view)) {
      const [u, v] = partOf(event, view);
      readOut(clamp((u - state.x) / state.z, 0, 0.9999), clamp((v - state.y) / state.z, 0, 0.9999));
    }
    return;
  }
  const [u, v] = partOf(event, drag.view);
  if (drag.wipe) { wipeTo(u * 100); return; }
  state.x = drag.x + u - drag.from[0];
  state.y = drag.y + v - drag.from[1];
  updateView();
});
addEventListener('pointerup', () => { drag = null; });
addEventListener('pointercancel', () => { drag = null; });
addEventListener('resize', layOut);
byId('wipe-range').addEventListener('input', (event) => wipeTo(Number(event.target.value)));
for (const side of ['left', 'right']) {
  byId(`wipe-${side}`).addEventListener('change', (event) => { state[side] = event.target.value; showPair(); });
}

const actions = {
  grid: () => setWiping(false),
  wipe: () => setWiping(true),
  in: () => zoomBy(1.5),
  out: () => zoomBy(1 / 1.5),
  fit: () => zoomBy(1 / 40),
  previous: () => show(state.tile - 1),
  next: () => show(state.tile + 1),
  close: () => dialog.close(),
};
dialog.addEventListener('click', (event) => {
  const button = event.target.closest('[data-do]');
  if (button) actions[button.dataset.do]();
});
dialog.addEventListener('keydown', (event) => {
  if (event.target.matches('select, input')) return;
  const action = {
    ArrowLeft: 'previous', ArrowRight: 'next', '+': 'in', '=': 'in', '-': 'out', 0: 'fit', s: state.wiping ? 'grid' : 'wipe',
  }[event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  actions[action]();
});
tiles.forEach((tile, index) => {
  tile.addEventListener('click', (event) => { if (event.target.closest('.panels button')) show(index); });
});
