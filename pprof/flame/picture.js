// Draws the boxes of a flame graph: narrow ones and those in motion on a canvas, wide ones as elements that keys and readers reach.
//
// What is drawn follows the window alone: rows that are scrolled out of it cost nothing, and boxes too narrow to be told apart are
// one hatched part. So a tree of any size is drawn in the time that the screen's pixels take. While the graph moves all of it is
// on the canvas; the elements come back when it rests.
'use strict';

const flameRow = 20;       // pixels from one level to the next
const flameNarrowest = 2;  // boxes narrower than this many pixels are not drawn
const flameElements = 12;  // nor are boxes narrower than this elements
const flameWithText = 28;  // nor is text in boxes narrower than this
const flameMargin = 200;   // pixels above and below the window that are drawn, too
const flameRestMs = 140;   // after this long without a move the elements come back

class FlamePicture {
  /// `look` tells of a box: {label, text, fill, strong, share, isFound, isDimmed}. `rested` is called when a motion is over.
  constructor(rows, look, rested) {
    this.rows = rows;
    this.look = look;
    this.rested = rested;
    this.canvas = flameElement('canvas', { className: 'flame-canvas', 'aria-hidden': 'true' });
    this.layer = flameElement('div', { className: 'flame-layer' });
    this.rows.append(this.canvas, this.layer);
    this.drawn = new Map();   // boxes that are elements
    this.shapes = new Map();  // boxes that are drawn: {box, row, left, width}
    this.byRow = [];
    this.isMoving = false;
  }

  /// The tree, and what part of it is as wide as the picture: {from, span} of the calls below, and of the callers above.
  show(tree, down, up) {
    this.tree = tree;
    this.down = down;
    this.up = up;
    return this.settle();
  }

  /// Draws at once without elements, and with them when nothing moved for a while.
  move(down, up) {
    this.down = down;
    this.up = up;
    this.isMoving = true;
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        if (this.isMoving) this.draw();
      });
    }
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.rested(), flameRestMs);
  }

  /// Draws with elements. Whether one of them had the focus.
  settle() {
    clearTimeout(this.rest);
    this.isMoving = false;
    this.measure();
    return this.draw();
  }

  /// How many rows there are, and which is that of the root.
  measure() {
    const pixels = this.rows.clientWidth;
    const depth = (list, part) => {
      let deepest = 0;
      const walk = list.map(box => [box, 1]);
      while (walk.length > 0) {
        const [box, level] = walk.pop();
        if (!this.isWide(box, part, pixels)) continue;
        if (level > deepest) deepest = level;
        for (const child of flameBelow(box)) walk.push([child, level + 1]);
        if (box.rest > 0 || box.below.length > 0) deepest = Math.max(deepest, level + 1);
      }
      return deepest;
    };
    const { root, callers } = this.tree;
    // Boxes that are too narrow take a row, too.
    this.above = callers.length === 0 ? 0 : Math.max(depth(callers, this.up), 1);
    this.count = this.above + 1 + Math.max(depth(flameBelow(root), this.down), root.below.length > 0 || root.rest > 0 ? 1 : 0);
    this.rows.style.height = `${this.count * flameRow}px`;
  }

  isWide(box, part, pixels) {
    const width = flameWidth(box);
    return box.start < part.from + part.span && box.start + width > part.from && width / part.span * pixels >= flameNarrowest;
  }

  row(box) {
    return box === this.tree.root ? this.above : this.above + box.level - this.tree.root.level;
  }

  /// The rows that are in the window, or near it.
  visible() {
    const area = this.rows.getBoundingClientRect();
    const first = Math.max(Math.floor((-flameMargin - area.top) / flameRow), 0);
    const last = Math.min(Math.ceil((window.innerHeight + flameMargin - area.top) / flameRow), this.count);
    return { first: Math.min(first, Math.max(last - 1, 0)), last: Math.max(last, 1) };
  }

  /// Draws what scrolling brought into the window.
  scrolled() {
    const { first, last } = this.visible();
    return first < this.first || last > this.last ? this.draw() : this.layer.contains(document.activeElement);
  }

  draw() {
    const { first, last } = this.visible();
    this.first = Math.max(first - 10, 0);
    this.last = Math.min(last + 10, this.count);
    const pixels = this.rows.clientWidth;
    const context = this.prepare(pixels);
    const hadFocus = this.layer.contains(document.activeElement);
    const parts = document.createDocumentFragment();
    this.drawn = new Map();
    this.shapes = new Map();
    this.byRow = [];
    this.parts = parts;
    this.context = context;
    const { root } = this.tree;
    this.drawBox(root, 0, pixels);
    this.drawBelow(root, this.tree.callers, this.up, pixels, -1);
    this.drawBelow(root, flameBelow(root), this.down, pixels, 1);
    for (const row of this.byRow) if (row) row.sort((a, b) => a.left - b.left);
    this.layer.replaceChildren(parts);
    this.layer.hidden = this.isMoving;
    return hadFocus;
  }

  prepare(pixels) {
    const ratio = window.devicePixelRatio || 1;
    const height = (this.last - this.first) * flameRow;
    this.canvas.width = Math.max(Math.round(pixels * ratio), 1);
    this.canvas.height = Math.max(Math.round(height * ratio), 1);
    this.canvas.style.width = `${pixels}px`;
    this.canvas.style.height = `${height}px`;
    this.canvas.style.top = `${this.first * flameRow}px`;
    const context = this.canvas.getContext('2d', { alpha: true });
    context.setTransform(ratio, 0, 0, ratio, 0, -this.first * flameRow * ratio);
    const style = getComputedStyle(this.rows);
    context.font = `12px ${style.fontFamily}`;
    context.textBaseline = 'middle';
    this.restColors = ['--rest', '--near'].map(name => style.getPropertyValue(name).trim());
    return context;
  }

  /// What is below `top` on one side of it, where `list` are its boxes there.
  drawBelow(top, list, part, pixels, step) {
    if (list.length === 0 && top.rest === 0) return;
    const scale = pixels / part.span;
    const end = part.from + part.span;
    const left = start => (Math.max(start, part.from) - part.from) * scale;
    const right = stop => (Math.min(stop, end) - part.from) * scale;
    const walk = [{ box: top, list, row: this.above }];
    while (walk.length > 0) {
      const at = walk.pop();
      const row = at.row + step;
      if (step > 0 ? row >= this.last : row < this.first) continue;
      for (const child of at.list) {
        const stop = child.start + flameWidth(child);
        if (child.start >= end) break;
        if (flameWidth(child) * scale < flameNarrowest) { // as are all behind it
          this.drawRest(row, left(child.start), right(at.list === this.tree.callers ? this.tree.callersEnd : at.box.end), true);
          break;
        }
        if (stop <= part.from) continue;
        this.drawBox(child, left(child.start), right(stop), row);
        walk.push({ box: child, list: flameBelow(child), row });
      }
      if (at.box.rest > 0 && step > 0) this.drawRest(row, left(at.box.end), right(at.box.end + at.box.rest), false);
    }
  }

  drawBox(box, left, right, row = this.above) {
    const width = right - left;
    const shape = { box, row, left, width };
    this.shapes.set(box, shape);
    if (row < this.first || row >= this.last) return;
    (this.byRow[row] = this.byRow[row] || []).push(shape);
    if (!this.isMoving && width >= flameElements) this.parts.append(this.element(shape));
    else this.paint(shape);
  }

  paint({ box, row, left, width }) {
    const look = this.look(box);
    const context = this.context;
    const top = row * flameRow;
    const shown = Math.max(width - 1, 1);
    context.globalAlpha = look.isDimmed ? 0.6 : 1;
    context.fillStyle = look.fill;
    context.fillRect(left, top, shown, flameRow - 1);
    if (look.share > 0) {
      context.fillStyle = look.strong;
      context.fillRect(left, top, shown * look.share, flameRow - 1);
    }
    if (width >= flameWithText) {
      context.save();
      context.beginPath();
      context.rect(left, top, shown - 2, flameRow);
      context.clip();
      context.fillStyle = look.isFound ? '#ffffff' : '#1d1a12';
      context.fillText(look.text, left + 4, top + flameRow / 2);
      context.restore();
    }
    context.globalAlpha = 1;
  }

  element(shape) {
    const { box, row, left, width } = shape;
    const look = this.look(box);
    const element = document.createElement('div');
    element.className = 'flame-box' + (look.isDimmed ? ' above' : '') + (look.isFound ? ' found' : '');
    element.setAttribute('role', 'button');
    element.tabIndex = -1;
    element.dataset.box = box.number;
    const shown = Math.max(width - 1, 1);
    element.style.cssText = `left:${left.toFixed(2)}px;width:${shown.toFixed(2)}px;top:${row * flameRow}px;background-color:${look.fill}` +
      (look.share > 0 ? `;background-image:linear-gradient(to right,${look.strong} ${(look.share * 100).toFixed(1)}%,transparent 0)` : '') +
      (width < flameWithText ? ';padding:0' : '');
    if (width >= flameWithText) element.textContent = look.text;
    element.setAttribute('aria-label', look.label);
    this.drawn.set(box, element);
    return element;
  }

  /// The element of a box that is drawn, made where it is too narrow to have one by itself.
  elementOf(box) {
    if (this.drawn.has(box)) return this.drawn.get(box);
    const shape = this.shapes.get(box);
    if (!shape) return null;
    const element = this.element(shape);
    this.layer.append(element);
    return element;
  }

  drawRest(row, left, right, isInPage) {
    const width = right - left;
    if (width < flameNarrowest || row < this.first || row >= this.last) return;
    if (!this.isMoving && width >= 6) {
      this.parts.append(flameElement('div', { className: isInPage ? 'flame-rest nearer' : 'flame-rest',
        title: isInPage ? 'narrow boxes; click to come nearer' : 'boxes that are not in this page',
        style: `left:${left.toFixed(2)}px;width:${Math.max(width - 1, 1).toFixed(2)}px;top:${row * flameRow}px` }));
      return;
    }
    this.context.fillStyle = this.restColors[isInPage ? 1 : 0];
    this.context.fillRect(left, row * flameRow, Math.max(width - 1, 1), flameRow - 1);
  }

  /// The box at a place in the window; null where there is none.
  at(x, y) {
    const area = this.rows.getBoundingClientRect();
    const row = this.byRow[Math.floor((y - area.top) / flameRow)];
    const left = x - area.left;
    const found = row && row.find(shape => left >= shape.left && left < shape.left + shape.width);
    return found ? found.box : null;
  }

  /// The box beside one in its row.
  beside(box, step) {
    const shape = this.shapes.get(box);
    const row = shape ? this.byRow[shape.row] : null;
    const next = row ? row[row.indexOf(shape) + step] : null;
    return next ? next.box : undefined;
  }
}
