// A flame graph: boxes as wide as what they hold, callers above callees, with what people choose of it.
//
// What is chosen stands in the address behind its '#', so that it can be sent to somebody else: `type`, `tag` (key:value), `focus`,
// `ignore` and `search` (expressions), `callers` (a function), `zoom` (a function, and behind the last '@' which of its boxes),
// `color` and `table`.
'use strict';

class FlameGraph {
  constructor(container, data, options) {
    this.data = data;
    this.options = options || {};
    this.hasLost = data.views.some(view => view.lost > 0);
    this.colors = [];
    this.matches = new Set();
    this.chosen = {};
    this.build(container);
    this.picture = new FlamePicture(this.rows, box => this.look(box), () => this.redrawn(() => this.picture.settle()));
    this.table = new FlameTable(this, name => this.go({ callers: name, zoom: '' }));
    this.side.append(this.table.area);
    this.listen();
    this.restore();
  }

  // What is on the page.

  build(container) {
    const { data, options } = this;
    const button = (id, text, title) => flameElement('button', { id: `flame-${id}`, type: 'button', textContent: text, title });
    this.types = flameElement('select', { id: 'flame-type', title: 'What is measured', ariaLabel: 'What is measured' });
    for (const view of data.views) if (!view.tag) this.types.append(flameElement('option', { textContent: view.type }));
    this.tags = this.tagMenu();
    this.coloring = flameElement('select', { id: 'flame-color', title: 'What colours stand for', ariaLabel: 'What colours stand for' });
    for (const by of ['package', 'space']) this.coloring.append(flameElement('option', { value: by, textContent: `Colour: ${by}` }));
    this.search = options.search || flameElement('input', { id: 'flame-search', type: 'search', placeholder: 'Search: expression of names',
      ariaLabel: 'Search: a regular expression of names' });
    this.callers = button('callers', 'Callers', 'Shows who calls the function that is selected, and what it calls');
    this.focus = button('focus', 'Focus', 'Keeps what comes through the function that is selected, or that the search names');
    this.ignore = button('ignore', 'Ignore', 'Leaves out the function that is selected, or that the search names');
    this.reset = button('reset', 'Show all', 'Takes zoom, callers, focus and ignore away');
    this.sideButton = button('side', 'Table', 'Shows or hides the table of functions');
    this.found = flameElement('span', { id: 'flame-found', className: 'flame-found', role: 'status' });
    this.chips = flameElement('span', { id: 'flame-chips', className: 'flame-chips' });
    this.about = flameElement('div', { id: 'flame-about', className: 'flame-about' });
    this.actions = flameElement('span', { className: 'flame-actions' });
    this.note = flameElement('div', { id: 'flame-note', className: 'flame-note' });
    this.rows = flameElement('div', { id: 'flame-rows', className: 'flame-rows', role: 'group',
      ariaLabel: 'Flame graph: arrow keys move, Enter zooms, c shows callers, Escape shows all; the table has the same numbers' });
    this.side = flameElement('div', { className: 'flame-side' });
    this.body = flameElement('div', { className: 'flame-body' }, flameElement('div', { className: 'flame-main' }, this.rows), this.side);
    this.types.hidden = this.types.options.length < 2;
    this.tags.hidden = this.tags.options.length < 2;
    container.classList.add('flame');
    container.append(
      flameElement('div', { className: 'flame-head' }, ...(options.search ? [] : [this.search]), this.types, this.tags, this.coloring, this.callers,
        ...(options.search ? [] : [this.focus, this.ignore]), this.reset, this.sideButton, this.chips, this.found),
      this.body, this.note,
      flameElement('div', { className: 'flame-labels', textContent: data.labels.filter(l => !l.startsWith('Type:')).join(' \u00b7 ') }),
      flameElement('div', { className: 'flame-foot' }, this.about, this.actions));
  }

  /// Tags by their keys, as the profile has them: space, thread, component, check.
  tagMenu() {
    const menu = flameElement('select', { id: 'flame-tag', title: 'Which tags', ariaLabel: 'Which tags' });
    menu.append(flameElement('option', { value: '', textContent: 'All tags' }));
    const groups = new Map();
    for (const { tag } of this.data.views) {
      if (!tag) continue;
      if (!groups.has(tag[0])) menu.append(groups.set(tag[0], flameElement('optgroup', { label: tag[0] })).get(tag[0]));
      const value = tag.join(':');
      const group = groups.get(tag[0]);
      if (![...group.children].some(option => option.value === value)) group.append(flameElement('option', { value, textContent: `${tag[0]}: ${tag[1]}` }));
    }
    return menu;
  }

  listen() {
    const on = (element, event, act) => element.addEventListener(event, act);
    on(this.types, 'change', () => this.go({ type: this.types.selectedIndex === 0 ? '' : this.types.value, zoom: '' }));
    on(this.tags, 'change', () => this.go({ tag: this.tags.value, zoom: '' }));
    on(this.coloring, 'change', () => this.go({ color: this.coloring.value === 'package' ? '' : this.coloring.value }));
    on(this.search, 'input', () => {
      this.keep({ search: this.options.search ? '' : this.search.value }, true);
      this.refresh();
    });
    on(this.callers, 'click', () => this.go({ callers: this.name(this.current), zoom: '' }));
    const cut = key => {
      const text = this.search.value || (this.current.frame < 0 ? '' : flameQuoted(this.name(this.current)));
      if (text) this.go({ [key]: text, search: '', zoom: '', callers: '' });
    };
    on(this.focus, 'click', () => cut('focus'));
    on(this.ignore, 'click', () => cut('ignore'));
    on(this.reset, 'click', () => this.go({ zoom: '', callers: '', focus: '', ignore: '' }));
    on(this.sideButton, 'click', () => this.go({ table: this.side.hidden ? '' : 'no' }));
    on(this.rows, 'focusin', event => this.withBox(event, box => this.visit(box)));
    on(this.rows, 'keydown', event => this.withBox(event, box => flamePress(this, event, box)));
    on(document, 'keydown', event => {
      if (event.key === 'Escape' && this.isThere()) this.go({ zoom: '', callers: '' });
    });
    on(window, 'popstate', () => this.isThere() && this.restore());
    on(window, 'hashchange', () => this.isThere() && this.restore());
    on(window, 'scroll', () => this.isThere() && this.redrawn(() => this.picture.scrolled()));
    let width = 0;
    new ResizeObserver(() => {
      if (width !== 0 && this.rows.clientWidth !== width) this.redrawn(() => this.picture.settle());
      width = this.rows.clientWidth;
    }).observe(this.rows);
    this.mouse = new FlameMouse(this);
  }

  isThere() {
    return this.rows.isConnected;
  }

  // What is chosen, and the address.

  restore() {
    const parameters = new URLSearchParams(location.hash.slice(1));
    this.chosen = Object.fromEntries(parameters);
    this.apply();
  }

  /// Changes what is chosen; an empty text takes a part away.
  go(changes) {
    this.keep(changes, false);
    this.apply();
  }

  keep(changes, isSmall) {
    const before = JSON.stringify(this.chosen);
    for (const [key, value] of Object.entries(changes)) {
      if (value === '') delete this.chosen[key];
      else this.chosen[key] = value;
    }
    if (JSON.stringify(this.chosen) === before) return;
    const text = new URLSearchParams(this.chosen).toString();
    const address = location.pathname + location.search + (text ? '#' + text : '');
    try {
      if (isSmall) history.replaceState(history.state, '', address);
      else history.pushState(history.state, '', address);
    } catch (error) {
      location.hash = text; // a page that may not change its address otherwise
    }
  }

  apply() {
    const { chosen } = this;
    const types = [...this.types.options].map(option => option.textContent);
    this.types.selectedIndex = Math.max(types.indexOf(chosen.type), 0);
    const type = types[this.types.selectedIndex];
    this.tags.value = chosen.tag || '';
    if (this.tags.selectedIndex < 0) this.tags.value = '';
    this.coloring.value = chosen.color === 'space' ? 'space' : 'package';
    if (!this.options.search && this.search.value !== (chosen.search || '')) this.search.value = chosen.search || '';
    this.side.hidden = chosen.table === 'no';
    this.sideButton.setAttribute('aria-pressed', String(!this.side.hidden));
    this.view = this.data.views.find(view => view.type === type && (view.tag || []).join(':') === this.tags.value) || this.data.views[0];
    const cut = JSON.stringify([this.data.views.indexOf(this.view), chosen.focus, chosen.ignore]);
    if (this.cutBy !== cut) {
      this.cutBy = cut;
      const whole = flameTree(this.view);
      const [through, without] = [this.marked(chosen.focus), this.marked(chosen.ignore)];
      this.whole = through || without ? flameCut(whole, through, without) : whole;
      this.totals = null;
      this.turned = undefined;
    }
    if (this.turned !== (chosen.callers || '')) {
      this.turned = chosen.callers || '';
      this.tree = (this.turned && flameSandwich(this.whole, this.marked(flameQuoted(this.turned)))) || this.whole;
    }
    this.colors = [];
    this.showChips();
    this.showNote();
    this.zoomTo(this.zoomed());
    this.refresh();
  }

  /// Which frames have names that match; null without an expression, or with a wrong one.
  marked(text) {
    if (!text) return null;
    let pattern;
    try {
      pattern = new RegExp(text);
    } catch (error) {
      return null;
    }
    return this.data.frames.map(frame => pattern.test(this.data.texts[frame[0]]));
  }

  showChips() {
    const chip = (key, title, text) => {
      const away = flameElement('button', { type: 'button', textContent: '\u00d7', title: 'Take it away', ariaLabel: `Take ${title} ${text} away` });
      away.addEventListener('click', () => this.go({ [key]: '', zoom: '' }));
      return flameElement('span', { className: 'flame-chip' }, `${title} ${text}`, away);
    };
    this.chips.replaceChildren(...[['focus', 'focus'], ['ignore', 'ignore'], ['callers', 'callers of']].filter(([key]) => this.chosen[key])
      .map(([key, title]) => chip(key, title, this.chosen[key])));
  }

  showNote() {
    const rest = this.view.count - this.view.listed;
    this.note.textContent = rest <= 0 ? '' :
      `${this.view.listed} boxes of ${this.view.count} are in this page; ` +
      `smaller ones than ${flameText(this.view.smallest, this.view.unit)} are left out and hatched.`;
  }

  /// The box that the address, or who opened the page, has zoomed to.
  zoomed() {
    const zoom = this.chosen.zoom || '';
    const mark = zoom.lastIndexOf('@');
    if (mark > 0) {
      const [name, path] = [zoom.slice(0, mark), zoom.slice(mark + 1)];
      const same = this.tree.boxes.filter(box => box.frame >= 0 && this.name(box) === name);
      return same.find(box => this.path(box) === path) || this.widest(same) || this.tree.root;
    }
    if (!this.options.pivot || this.isPivoted) return this.tree.root;
    this.isPivoted = true;
    try {
      const pattern = new RegExp(this.options.pivot);
      return this.widest(this.tree.boxes.filter(box => box.frame >= 0 && pattern.test(this.name(box)))) || this.tree.root;
    } catch (error) {
      return this.tree.root;
    }
  }

  widest(boxes) {
    return boxes.reduce((widest, box) => !widest || flameWidth(box) > flameWidth(widest) ? box : widest, null);
  }

  path(box) {
    return flamePathHash(box, at => this.name(at)) + (box.up ? 'u' : '');
  }

  zoom(box) {
    this.go({ zoom: box === this.tree.root ? '' : `${this.name(box)}@${this.path(box)}` });
  }

  /// Makes a box as wide as the picture; on the other side of a function all is shown.
  zoomTo(box) {
    const whole = { from: 0, span: Math.max(flameWidth(this.tree.root), 1) };
    const part = { from: flameStart(box), span: Math.max(flameWidth(box), 1) };
    this.top = box;
    this.current = box;
    this.down = box.up ? whole : part;
    this.up = box.up ? part : { ...whole };
    this.outer = new Set();
    for (let at = box.parent; at; at = at.parent) this.outer.add(at);
    this.showReset();
    if (this.options.onSelect) this.options.onSelect(box.frame < 0 ? '' : this.name(box));
  }

  showReset() {
    const isWhole = this.top === this.tree.root && this.down.span === Math.max(flameWidth(this.tree.root), 1);
    this.reset.disabled = isWhole && !this.chosen.callers && !this.chosen.focus && !this.chosen.ignore;
  }

  /// Shows a part of it: `from` and `span` in the values of boxes.
  see(from, span) {
    const all = flameWidth(this.tree.root);
    const part = this.top.up ? this.up : this.down;
    part.span = Math.min(Math.max(span, 1), Math.max(all, 1));
    part.from = Math.min(Math.max(from, 0), all - part.span);
    this.showReset();
  }

  // What is drawn.

  refresh() {
    this.match();
    this.redrawn(() => this.picture.show(this.tree, this.down, this.up));
    this.tell(this.current);
    if (this.side.hidden || this.listing) return;
    // The picture comes first.
    this.listing = requestAnimationFrame(() => setTimeout(() => {
      this.listing = 0;
      if (!this.totals) this.totals = flameTotals(this.whole, this.data.frames);
      this.table.show(this.totals, flamePattern(this.search));
    }));
  }

  /// Keeps the focus, and one box that the Tab key reaches.
  redrawn(draw) {
    const hadFocus = draw();
    const { picture } = this;
    if (!picture.shapes.has(this.current)) this.current = picture.shapes.has(this.top) ? this.top : this.tree.root;
    const element = picture.elementOf(this.current);
    if (!element) return;
    element.tabIndex = 0;
    if (hadFocus) element.focus({ preventScroll: true });
  }

  look(box) {
    const isRoot = box.frame < 0;
    const isFound = this.matches.has(box);
    const isDimmed = this.outer.has(box);
    const net = box.gained - box.lost;
    const name = this.name(box);
    const { unit } = this.view;
    if (!this.isDifference()) {
      if (!isRoot && !this.colors[box.frame]) this.colors[box.frame] = flameColor(name, this.file(box), this.coloring.value);
      return { fill: isFound ? '#6d4bc6' : isRoot ? '#dfe3e9' : this.colors[box.frame], strong: '', share: 0, isFound, isDimmed,
        text: isRoot ? `all: ${flameText(net, unit)}` : flameShort(name), label: `${name}, ${flameText(net, unit)}` };
    }
    const change = flameChangeOf(box);
    return { fill: isFound ? '#6d4bc6' : change.pale, strong: isFound ? '#5a3ab0' : change.strong, share: change.share, isFound, isDimmed,
      text: isRoot ? `all: ${flameChange(net, unit)}` : `${change.sign} ${flameShort(name)}`, label: `${name}, ${flameChange(net, unit)}` };
  }

  isDifference() {
    return this.hasLost;
  }

  name(box) {
    return box.frame < 0 ? 'all' : this.data.texts[this.data.frames[box.frame][0]];
  }

  file(box) {
    return box.frame < 0 ? '' : this.data.texts[this.data.frames[box.frame][1]];
  }

  /// Where else a function is shown: [{title, href}].
  links(name) {
    return this.options.links ? this.options.links(name) : [];
  }

  /// Which boxes match, and how much the outermost of them hold together.
  match() {
    const pattern = flamePattern(this.search);
    this.matches = new Set();
    this.found.textContent = '';
    if (!pattern) return;
    const marked = this.data.frames.map(frame => pattern.test(this.data.texts[frame[0]]));
    for (const box of this.tree.boxes) if (box.frame >= 0 && marked[box.frame]) this.matches.add(box);
    const sum = flameOutermost({ root: this.tree.root }, marked).reduce((all, box) => all + flameWidth(box), 0);
    const count = this.matches.size;
    this.found.textContent = `${count} ${count === 1 ? 'box matches' : 'boxes match'}: ${flameText(sum, this.view.unit)}, ` +
      flamePercent(sum, flameWidth(this.tree.root));
  }

  tell(box) {
    this.told = box;
    const root = this.tree.root;
    const value = amount => flameText(amount, this.view.unit);
    const frame = box.frame < 0 ? null : this.data.frames[box.frame];
    const net = box.gained - box.lost;
    let text = `${this.isDifference() && !(box === root && net === 0) ? flameChange(net, this.view.unit) : value(net)} (${flamePercent(flameWidth(box), flameWidth(this.whole.root))} of all`;
    if (this.top !== root && box !== this.top) text += `, ${flamePercent(flameWidth(box), flameWidth(this.top))} of ${flameShort(this.name(this.top))}`;
    text += ')';
    if (box.lost > 0) text += `, +${value(box.gained)} \u2212${value(box.lost)}`;
    const self = flameSelf(box);
    if (self > 0) text += `, ${value(self)} in itself`;
    if (frame && frame[2]) text += ', inlined';
    this.about.replaceChildren(flameElement('b', { textContent: this.name(box) }), ' ' + text,
      flameElement('div', { className: 'what', textContent: this.file(box) || this.view.type }));
    this.callers.disabled = this.current.frame < 0;
  }

  /// What can be done with the box that was visited last.
  showActions(box) {
    const name = this.name(box);
    this.actions.replaceChildren();
    if (box.frame < 0) return;
    for (const { title, href } of this.links(name)) this.actions.append(flameElement('a', { className: 'flame-link', href, textContent: title, ariaLabel: `${title} of ${name}` }));
    if (!this.options.command) return;
    const copy = flameElement('button', { type: 'button', textContent: 'Copy command', title: this.options.command(name) });
    copy.addEventListener('click', () => flameCopy(copy, this.options.command(name)));
    this.actions.append(copy);
  }

  // Mouse and keys.

  withBox(event, act) {
    const element = event.target.closest('.flame-box');
    if (element) act(this.tree.boxes[Number(element.dataset.box)]);
  }

  /// Tab leads back to the box that was visited last.
  visit(box) {
    const before = this.picture.drawn.get(this.current);
    if (before) before.tabIndex = -1;
    this.current = box;
    const element = this.picture.elementOf(box);
    if (element) element.tabIndex = 0;
    this.showActions(box);
    this.tell(box);
  }
}

function showFlame(container, data, options) {
  return new FlameGraph(container, data, options);
}
