// Draws a flame graph from its data: boxes as wide as what they hold, callers above callees.
'use strict';

const flameRow = 20;      // pixels from one level to the next
const flameNarrowest = 2; // boxes narrower than this many pixels are not drawn
const flameWithText = 28; // nor is text in boxes narrower than this

/// `value` of `unit` as pprof writes it.
function flameText(value, unit) {
  const families = {
    bytes: [['B', 1], ['kB', 1024], ['MB', 2 ** 20], ['GB', 2 ** 30], ['TB', 2 ** 40], ['PB', 2 ** 50]],
    nanoseconds: [['ns', 1], ['us', 1e3], ['ms', 1e6], ['s', 1e9], ['hrs', 3600e9]],
  };
  const factors = { microseconds: 1e3, milliseconds: 1e6, seconds: 1e9 };
  let family = families[unit];
  if (factors[unit]) {
    family = families.nanoseconds;
    value *= factors[unit];
  }
  if (!family) return String(value) + (!unit || unit === 'count' ? '' : ' ' + unit);
  let [name, factor] = family[0];
  for (const [larger, size] of family) if (Math.abs(value) >= size) [name, factor] = [larger, size];
  const digits = (value / factor).toFixed(2).replace(/\.00$/, '');
  return digits === '0' ? '0' : digits + name;
}

function flamePercent(part, whole) {
  const ratio = whole === 0 ? 0 : Math.abs(part / whole) * 100;
  return (ratio >= 99.95 ? 100 : ratio >= 1 ? ratio.toFixed(2) : Number(ratio.toPrecision(2))) + '%';
}

/// The boxes of a view as a tree: [0] holds all, and children stand behind their parents.
function flameBoxes(view) {
  const root = { parent: null, level: -1, frame: -1, gained: view.gained, lost: view.lost, rest: 0, below: [] };
  const boxes = [root];
  let last = root;
  const numbers = view.boxes;
  for (let at = 0; at < numbers.length;) {
    const code = numbers[at];
    let parent = last;
    for (let up = code >> 2; up > 0; up--) parent = parent.parent;
    const box = { parent, level: parent.level + 1, frame: numbers[at + 1], gained: numbers[at + 2], lost: 0, rest: 0, below: [] };
    at += 3;
    if (code & 2) box.lost = numbers[at++];
    if (code & 1) box.rest = numbers[at++];
    parent.below.push(box);
    boxes.push(box);
    last = box;
  }
  const width = box => box.gained + box.lost;
  for (const box of boxes) box.below.sort((a, b) => width(b) - width(a) || a.frame - b.frame);
  // A box starts where its parent does, behind its wider siblings; the root's children fill it.
  root.start = 0;
  const walk = [root];
  while (walk.length > 0) {
    const box = walk.pop();
    let start = box.start;
    for (const child of box.below) {
      child.start = start;
      start += width(child);
      walk.push(child);
    }
    box.self = Math.max(width(box) - box.rest - (start - box.start), 0);
    box.end = start;
  }
  root.rest = Math.max(width(root) - root.end, 0);
  root.self = 0;
  return boxes;
}

/// The name without the folders of Go's packages.
function flameShort(name) {
  const match = /^(?:[\w\-.~]+\/)+([\w\-.]+\..*)$/.exec(name);
  return match ? match[1] : name;
}

function flameHash(text) {
  let hash = 7;
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
  return hash;
}

/// A colour: its hue is the package's, its lightness the function's.
function flameColor(name) {
  const own = flameHash(name);
  const shared = flameHash(name.replace(/^(.*\/)?([^./(]*).*$/, '$1$2'));
  return `hsl(${18 + shared % 44} ${74 + shared % 17}% ${64 + own % 15}%)`;
}

function flameElement(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

class FlameGraph {
  constructor(container, data, options) {
    this.data = data;
    this.options = options || {};
    this.types = flameElement('select', { id: 'flame-type', title: 'What is measured' });
    for (const view of data.views) this.types.append(flameElement('option', { textContent: view.type }));
    this.search = this.options.search || flameElement('input', { id: 'flame-search', type: 'search', placeholder: 'regular expression of names' });
    this.reset = flameElement('button', { id: 'flame-reset', type: 'button', textContent: 'Show all' });
    this.found = flameElement('span', { id: 'flame-found', className: 'flame-found', role: 'status' });
    this.about = flameElement('div', { id: 'flame-about', className: 'flame-about' });
    this.note = flameElement('div', { id: 'flame-note', className: 'flame-note' });
    this.rows = flameElement('div', { id: 'flame-rows', className: 'flame-rows', role: 'group',
      ariaLabel: 'Flame graph: arrow keys move, Enter zooms, Escape shows all' });
    container.classList.add('flame');
    const labels = flameElement('div', { className: 'flame-labels', textContent: data.labels.filter(l => !l.startsWith('Type:')).join(' \u00b7 ') });
    container.append(labels,
      flameElement('div', { className: 'flame-head' }, flameElement('label', {}, 'Type ', this.types),
        ...(this.options.search ? [] : [flameElement('label', {}, 'Search ', this.search)]), this.reset, this.found),
      this.about, this.rows, this.note);
    this.types.parentElement.hidden = data.views.length < 2;
    this.listen();
    this.choose(0);
  }

  listen() {
    this.types.addEventListener('change', () => this.choose(this.types.selectedIndex));
    this.search.addEventListener('input', () => this.draw());
    this.reset.addEventListener('click', () => this.zoom(this.boxes[0]));
    this.rows.addEventListener('click', event => {
      if (event.target.classList.contains('nearer')) this.comeNearer(event);
      else this.withBox(event, box => this.zoom(box));
    });
    document.addEventListener('mouseover', event => {
      if (this.rows.contains(event.target)) this.withBox(event, box => this.tell(box));
      else this.tell(this.top);
    });
    this.rows.addEventListener('focusin', event => this.withBox(event, box => this.visit(box)));
    this.rows.addEventListener('keydown', event => this.withBox(event, box => this.press(event, box)));
    document.addEventListener('keydown', event => {
      if (event.key === 'Escape') this.zoom(this.boxes[0]);
    });
    let width = 0;
    new ResizeObserver(() => {
      if (this.rows.clientWidth !== width) this.draw();
      width = this.rows.clientWidth;
    }).observe(this.rows);
  }

  withBox(event, act) {
    const element = event.target.closest('.flame-box');
    if (element) act(this.boxes[Number(element.dataset.box)]);
  }

  /// Tab leads back to the box that was visited last.
  visit(box) {
    if (this.drawn.has(this.current)) this.drawn.get(this.current).tabIndex = -1;
    this.current = box;
    this.drawn.get(box).tabIndex = 0;
    this.tell(box);
  }

  press(event, box) {
    if (event.key === 'Enter' || event.key === ' ') {
      this.zoom(box);
    } else {
      const next = this.neighbour(event.key, box);
      if (!next) return;
      this.drawn.get(next).focus();
    }
    event.preventDefault();
  }

  neighbour(key, box) {
    if (key === 'ArrowUp') return box.parent;
    if (key === 'ArrowDown') return box.below.find(child => this.drawn.has(child));
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (!step) return undefined;
    const row = [...this.drawn.keys()].filter(other => other.level === box.level).sort((a, b) => a.start - b.start);
    return row[row.indexOf(box) + step];
  }

  choose(index) {
    this.view = this.data.views[index];
    this.boxes = flameBoxes(this.view);
    this.boxes.forEach((box, number) => { box.number = number; });
    const rest = this.view.count - this.view.listed;
    this.note.textContent = rest <= 0 ? '' :
      `${this.view.listed} boxes of ${this.view.count} are in this page; ` +
      `smaller ones than ${flameText(this.view.smallest, this.view.unit)} are left out and hatched.`;
    this.zoom(this.pivot() || this.boxes[0]);
  }

  /// The widest box of the name that the page was asked for.
  pivot() {
    if (!this.options.pivot) return null;
    let pattern;
    try {
      pattern = new RegExp(this.options.pivot);
    } catch (error) {
      return null;
    }
    let widest = null;
    for (const box of this.boxes) {
      if (box.frame < 0 || !pattern.test(this.name(box))) continue;
      if (!widest || box.gained + box.lost > widest.gained + widest.lost) widest = box;
    }
    return widest;
  }

  zoom(box) {
    this.top = box;
    this.from = box.start;
    this.span = Math.max(box.gained + box.lost, 1);
    this.reset.disabled = box === this.boxes[0];
    this.draw();
    this.tell(box);
    if (this.options.onSelect) this.options.onSelect(box.frame < 0 ? '' : this.name(box));
  }

  /// Shows a fiftieth of what is shown now, around the mouse.
  comeNearer(event) {
    const at = this.from + (event.clientX - this.rows.getBoundingClientRect().left) / this.rows.clientWidth * this.span;
    const span = Math.max(this.span / 50, 1);
    const all = this.boxes[0].gained + this.boxes[0].lost;
    this.from = Math.min(Math.max(at - span / 2, 0), Math.max(all - span, 0));
    this.span = span;
    this.reset.disabled = false;
    this.draw();
  }

  name(box) {
    return box.frame < 0 ? 'all' : this.data.texts[this.data.frames[box.frame][0]];
  }

  tell(box) {
    const all = this.boxes[0];
    const width = box.gained + box.lost;
    const whole = all.gained + all.lost;
    const value = amount => flameText(amount, this.view.unit);
    const frame = box.frame < 0 ? null : this.data.frames[box.frame];
    let text = `${value(box.gained - box.lost)} (${flamePercent(width, whole)} of all`;
    if (this.top !== all && box !== this.top) text += `, ${flamePercent(width, this.top.gained + this.top.lost)} of ${flameShort(this.name(this.top))}`;
    text += ')';
    if (box.lost > 0) text += `, +${value(box.gained)} \u2212${value(box.lost)}`;
    if (box.self > 0) text += `, ${value(box.self)} in itself`;
    if (frame && frame[2]) text += ', inlined';
    const file = frame ? this.data.texts[frame[1]] : '';
    this.about.replaceChildren(flameElement('b', { textContent: this.name(box) }), ' ' + text,
      flameElement('div', { className: 'what', textContent: file || this.view.type }));
  }

  color(box) {
    const all = this.boxes[0];
    if (all.lost === 0) return flameColor(this.name(box));
    const change = (box.gained - box.lost) / (box.gained + box.lost);
    const light = 92 - Math.abs(change) * 30;
    return `hsl(${change > 0 ? 4 : 130} ${change === 0 ? 0 : 70}% ${light.toFixed(0)}%)`;
  }

  pattern() {
    const text = this.search.value;
    this.search.classList.remove('bad');
    if (text === '') return null;
    try {
      return new RegExp(text, /[A-Z]/.test(text) ? '' : 'i');
    } catch (error) {
      this.search.classList.add('bad');
      return null;
    }
  }

  /// Which boxes match, and how much the outermost of them hold together.
  match() {
    const pattern = this.pattern();
    const matches = new Set();
    if (!pattern) {
      this.found.textContent = '';
      return matches;
    }
    const known = new Map();
    let sum = 0;
    let count = 0;
    const walk = [this.boxes[0]];
    const inside = new Set();
    while (walk.length > 0) {
      const box = walk.pop();
      if (box.frame >= 0) {
        if (!known.has(box.frame)) known.set(box.frame, pattern.test(this.name(box)));
        const below = inside.has(box.parent);
        if (known.get(box.frame)) {
          matches.add(box);
          count++;
          if (!below) sum += box.gained + box.lost;
        }
        if (below || known.get(box.frame)) inside.add(box);
      }
      walk.push(...box.below);
    }
    const all = this.boxes[0].gained + this.boxes[0].lost;
    this.found.textContent = `${count} ${count === 1 ? 'box matches' : 'boxes match'}: ${flameText(sum, this.view.unit)}, ${flamePercent(sum, all)}`;
    return matches;
  }

  draw() {
    const matches = this.match();
    const pixels = this.rows.clientWidth;
    const scale = pixels / this.span;
    const end = this.from + this.span;
    const parts = document.createDocumentFragment();
    const hadFocus = this.rows.contains(document.activeElement);
    this.drawn = new Map();
    let levels = 0;
    const place = (element, level, start, stop) => {
      const left = (Math.max(start, this.from) - this.from) * scale;
      const width = (Math.min(stop, end) - this.from) * scale - left;
      levels = Math.max(levels, level + 1);
      element.style.cssText = `left:${left.toFixed(2)}px;width:${Math.max(width - 1, 1).toFixed(2)}px;top:${level * flameRow}px`;
      parts.append(element);
      return width;
    };
    const addBox = (box, start, stop) => {
      const element = flameElement('div', { className: 'flame-box', role: 'button', tabIndex: -1 });
      this.drawn.set(box, element);
      element.dataset.box = box.number;
      if (box.level < this.top.level) element.classList.add('above');
      if (matches.has(box)) element.classList.add('found');
      const width = place(element, box.level + 1, start, stop);
      element.style.background = box.frame < 0 ? '#dfe3e9' : this.color(box);
      if (width >= flameWithText) {
        element.textContent = box.frame < 0 ? `all: ${flameText(box.gained - box.lost, this.view.unit)}` : flameShort(this.name(box));
      } else {
        element.style.padding = '0';
      }
      element.setAttribute('aria-label', `${this.name(box)}, ${flameText(box.gained - box.lost, this.view.unit)}`);
    };
    // What is too narrow to be drawn one by one is hatched; a click there comes nearer.
    const addRest = (level, start, stop, isInPage) => {
      if (Math.min(stop, end) - Math.max(start, this.from) < flameNarrowest / scale) return;
      const element = flameElement('div', { className: isInPage ? 'flame-rest nearer' : 'flame-rest',
        title: isInPage ? 'narrow boxes; click to come nearer' : 'boxes that are not in this page' });
      place(element, level, start, stop);
    };
    const walk = [this.boxes[0]];
    while (walk.length > 0) {
      const box = walk.pop();
      const stop = box.start + box.gained + box.lost;
      addBox(box, box.start, stop);
      let narrow = box.end;
      for (const child of box.below) {
        const width = child.gained + child.lost;
        if (width * scale < flameNarrowest) { // as are all behind it
          narrow = child.start;
          break;
        }
        if (child.start < end && child.start + width > this.from) walk.push(child);
      }
      addRest(box.level + 2, narrow, box.end, true);
      addRest(box.level + 2, box.end, box.end + box.rest, false);
    }
    this.rows.style.height = `${levels * flameRow}px`;
    this.rows.replaceChildren(parts);
    if (!this.drawn.has(this.current)) this.current = this.drawn.has(this.top) ? this.top : this.boxes[0];
    this.drawn.get(this.current).tabIndex = 0;
    if (hadFocus) this.drawn.get(this.current).focus({ preventScroll: true });
  }
}

function showFlame(container, data, options) {
  return new FlameGraph(container, data, options);
}
