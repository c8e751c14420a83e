// What mouse, fingers and keys do on a flame graph: a press zooms, a drag moves, a wheel with Ctrl comes nearer, arrows walk.
'use strict';

const flameDragged = 4; // pixels that make a press a drag

class FlameMouse {
  constructor(graph) {
    this.graph = graph;
    this.held = null;
    const { rows } = graph;
    rows.addEventListener('click', event => this.click(event));
    rows.addEventListener('wheel', event => this.wheel(event), { passive: false });
    rows.addEventListener('pointerdown', event => this.begin(event));
    window.addEventListener('pointermove', event => this.drag(event));
    window.addEventListener('pointerup', () => this.end());
    window.addEventListener('pointercancel', () => this.end());
    document.addEventListener('mousemove', event => this.hover(event));
    this.frame = flameElement('div', { className: 'flame-hover', hidden: true });
    rows.append(this.frame);
  }

  boxAt(event) {
    const { graph } = this;
    if (!graph.rows.contains(event.target)) return null;
    const element = event.target.closest('.flame-box');
    return element ? graph.tree.boxes[Number(element.dataset.box)] : graph.picture.at(event.clientX, event.clientY);
  }

  /// Tells of the box under the mouse, and else of the one that is zoomed to.
  hover(event) {
    const { graph } = this;
    if (!graph.isThere() || this.held && this.held.isDrag) return;
    const box = this.boxAt(event);
    const shape = box && graph.picture.shapes.get(box);
    this.frame.hidden = !shape;
    if (shape) this.frame.style.cssText = `left:${shape.left}px;width:${Math.max(shape.width - 1, 1)}px;top:${shape.row * flameRow}px`;
    const told = box || graph.current;
    if (graph.told !== told) graph.tell(told);
  }

  click(event) {
    const { graph } = this;
    if (this.wasDrag) return;
    if (event.target.classList.contains('nearer')) {
      // A fiftieth of what is shown now, around the mouse.
      this.nearer(1 / 50, event.clientX);
      return;
    }
    const box = this.boxAt(event);
    if (!box) return;
    graph.zoom(box);
    graph.visit(box);
  }

  begin(event) {
    this.wasDrag = false;
    if (event.button !== 0) return;
    const part = this.part();
    this.held = { x: event.clientX, from: part.from, isDrag: false };
  }

  drag(event) {
    if (!this.held || !this.graph.isThere()) return;
    const moved = event.clientX - this.held.x;
    if (!this.held.isDrag && Math.abs(moved) < flameDragged) return;
    this.held.isDrag = true;
    this.wasDrag = true;
    this.frame.hidden = true;
    const part = this.part();
    this.moveTo(this.held.from - moved * part.span / this.graph.rows.clientWidth, part.span);
  }

  end() {
    this.held = null;
  }

  wheel(event) {
    const { graph } = this;
    const isAcross = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    if (!event.ctrlKey && !event.metaKey && !isAcross) return; // the window scrolls
    event.preventDefault();
    if (isAcross && !event.ctrlKey) {
      const part = this.part();
      this.moveTo(part.from + (event.deltaX || event.deltaY) * part.span / graph.rows.clientWidth, part.span);
    } else {
      this.nearer(Math.exp(Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) / 300), event.clientX, true);
    }
  }

  part() {
    const { graph } = this;
    return graph.top.up ? graph.up : graph.down;
  }

  /// Shows `factor` of what is shown now, around a place in the window or its middle.
  nearer(factor, x, isMove) {
    const { graph } = this;
    const area = graph.rows.getBoundingClientRect();
    const share = x === undefined ? 0.5 : (x - area.left) / area.width;
    const part = this.part();
    const span = part.span * factor;
    const at = part.from + share * part.span;
    graph.see(at - (factor < 0.1 ? 0.5 : share) * span, span);
    if (isMove) graph.picture.move(graph.down, graph.up);
    else graph.redrawn(() => graph.picture.show(graph.tree, graph.down, graph.up));
  }

  moveTo(from, span) {
    const { graph } = this;
    graph.see(from, span);
    graph.picture.move(graph.down, graph.up);
  }
}

/// A key that was pressed while a box had the focus.
function flamePress(graph, event, box) {
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (event.key === 'Enter' || event.key === ' ') {
    graph.zoom(box);
  } else if (event.key === 'c' && box.frame >= 0 && isPlain) {
    graph.go({ callers: graph.name(box), zoom: '' });
  } else if ((event.key === '+' || event.key === '-') && isPlain) {
    graph.mouse.nearer(event.key === '+' ? 0.5 : 2);
  } else {
    const next = flameNeighbour(graph, event.key, box);
    const element = next && graph.picture.elementOf(next);
    if (!element) return;
    element.focus();
  }
  event.preventDefault();
}

function flameNeighbour(graph, key, box) {
  const { root, callers } = graph.tree;
  const first = list => list.find(child => graph.picture.shapes.has(child));
  if (key === 'ArrowUp') return box.up ? first(box.below) : box === root ? first(callers) : box.parent;
  if (key === 'ArrowDown') return box.up ? box.parent : first(box.below);
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
  return step ? graph.picture.beside(box, step) : undefined;
}
