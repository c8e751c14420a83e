// What the pages of the web interface do in the browser.
'use strict';

const page = JSON.parse(document.getElementById('page-data').textContent);
const parameters = new URLSearchParams(location.search);
const views = [['flamegraph', 'Flame graph'], ['graph', 'Graph'], ['top', 'Top'], ['peek', 'Peek'], ['source', 'Source']];
const refinements = [['f', 'Focus'], ['i', 'Ignore'], ['h', 'Hide'], ['s', 'Show'], ['sf', 'Show from']];
let onSearch = () => {};
let selected = ''; // what was clicked last, for when the search box is empty

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/// The address of a page with the parameters that are set, and changes to them.
function address(name, changes) {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(changes || {})) {
    if (value === '') query.delete(key);
    else query.set(key, value);
  }
  const text = query.toString();
  return name + (text ? '?' + text : '');
}

/// What a click does to `made`, and the keys that stand for one.
function onPress(made, act) {
  made.addEventListener('click', act);
  made.addEventListener('keydown', event => {
    if (event.target !== made || (event.key !== 'Enter' && event.key !== ' ')) return;
    event.preventDefault();
    act(event);
  });
}

const search = element('input', { id: 'search', type: 'search', placeholder: 'regular expression of names' });

/// Where else a function is shown.
function linksTo(name) {
  return [['source', 'Source'], ['peek', 'Peek']].map(([to, title]) => ({ title, href: address(to, { f: flameQuoted(name) }) }));
}

function showBar() {
  const bar = document.getElementById('bar');
  const nav = element('nav', { ariaLabel: 'Views' });
  for (const [name, title] of views) {
    const link = element('a', { href: address(name), textContent: title });
    if (name === page.page) link.setAttribute('aria-current', 'page');
    nav.append(link);
  }
  nav.append(element('a', { href: 'download', textContent: 'Download' }));
  const types = element('select', { id: 'sample', title: 'What is measured' });
  for (const type of page.types) types.append(element('option', { textContent: type, selected: type === page.type }));
  types.addEventListener('change', () => { location.href = address(page.page, { si: types.value }); });
  // On narrow screens what is used less comes when it is asked for.
  const more = element('button', { type: 'button', id: 'more', textContent: 'Options', title: 'Shows filters and saved options' });
  more.setAttribute('aria-expanded', 'false');
  more.addEventListener('click', () => more.setAttribute('aria-expanded', String(bar.classList.toggle('open'))));
  bar.append(element('div', { className: 'row' }, element('span', { className: 'brand', textContent: 'heapwatch pprof' }), nav,
    element('label', {}, element('span', { className: 'word', textContent: 'Sample ' }), types), more, ...savedOptions()));

  const refine = element('div', { className: 'row' }, element('label', {}, element('span', { className: 'word', textContent: 'Search ' }), search));
  for (const [key, title] of refinements) {
    const button = element('button', { type: 'button', className: 'extra', textContent: title, title: `${title} what the search box names, or what is selected` });
    button.addEventListener('click', () => {
      const text = search.value || selected;
      if (text) location.href = address(page.page, { [key]: text });
    });
    refine.append(button);
  }
  for (const option of page.options) {
    if (!parameters.get(option.url) || option.url === 'si') continue;
    const remove = element('button', { type: 'button', textContent: '\u00d7', title: 'Take it away', ariaLabel: `Take ${option.name} away` });
    remove.addEventListener('click', () => { location.href = address(page.page, { [option.url]: '' }); });
    refine.append(element('span', { className: 'chip', title: option.help }, `${option.name}=${parameters.get(option.url)}`, remove));
  }
  bar.append(refine);
  search.addEventListener('input', () => onSearch(flamePattern(search)));
}

/// Options under names: to choose, to save, to delete.
function savedOptions() {
  const configs = element('select', { id: 'config', className: 'extra', title: 'Options that were saved', ariaLabel: 'Saved options' });
  configs.append(element('option', { textContent: 'Config', value: '' }), element('option', { textContent: 'Default', value: '?' }));
  for (const config of page.configs) configs.append(element('option', { textContent: config.name, value: `?${config.query}` }));
  configs.addEventListener('change', () => { if (configs.value) location.href = page.page + (configs.value === '?' ? '' : configs.value); });
  const save = element('button', { type: 'button', id: 'save', className: 'extra', textContent: 'Save as \u2026', title: 'Saves these options under a name' });
  const remove = element('button', { type: 'button', id: 'delete', className: 'extra', textContent: 'Delete \u2026', title: 'Deletes saved options' });
  const ask = (path, name) => {
    if (!name) return;
    fetch(address(path, { config: name }), { method: 'POST', headers: { 'Content-Type': 'application/json' } }).then(async reply => {
      if (reply.ok) location.reload();
      else alert(await reply.text());
    });
  };
  save.addEventListener('click', () => ask('saveconfig', prompt('Save these options as')));
  remove.addEventListener('click', () => ask('deleteconfig', prompt('Which options are to be deleted?')));
  return [configs, save, remove];
}

function showTop(content) {
  const columns = [['Flat', row => row.Flat], ['Flat%', row => row.Flat], ['Sum%', null], ['Cum', row => row.Cum],
    ['Cum%', row => row.Cum], ['Name', row => row.Name]];
  const table = element('table', { className: 'rows', id: 'rows' });
  const head = element('tr', {});
  const body = element('tbody', {});
  table.append(element('caption', { className: 'unseen', textContent: 'Functions by what they hold' }), element('thead', {}, head), body);
  const percent = part => {
    const ratio = page.totalNumber === 0 ? 0 : Math.abs(part / page.totalNumber) * 100;
    return (ratio >= 99.95 ? 100 : ratio >= 1 ? ratio.toFixed(2) : Number(ratio.toPrecision(2))) + '%';
  };
  const chosen = new Set();
  let rows = page.rows;
  const nameCell = row => {
    const cell = element('td', {}, row.Name);
    if (row.InlineLabel) cell.append(element('span', { className: 'inline', textContent: ` (${row.InlineLabel.replace(/[()]/g, '')})` }));
    // Their words are in the style sheet: they are no part of the name.
    for (const { title, href } of linksTo(row.Name)) {
      const link = element('a', { className: 'to', href, title: `${title} of ${row.Name}`, ariaLabel: `${title} of ${row.Name}` });
      link.dataset.to = title.toLowerCase();
      link.addEventListener('click', event => event.stopPropagation());
      cell.append(link);
    }
    return cell;
  };
  const draw = () => {
    const expression = flamePattern(search);
    let sum = 0;
    body.replaceChildren(...rows.map(row => {
      sum += row.Flat;
      const cells = [row.FlatFormat, percent(row.Flat), percent(sum), row.CumFormat, percent(row.Cum)];
      const line = element('tr', {}, ...cells.map(text => element('td', { textContent: text })), nameCell(row));
      if (chosen.has(row.Name)) line.classList.add('chosen');
      else if (expression && expression.test(row.Name)) line.classList.add('found');
      line.tabIndex = 0;
      onPress(line, () => {
        const place = rows.indexOf(row);
        if (!chosen.delete(row.Name)) chosen.add(row.Name);
        search.value = [...chosen].map(text => flameQuoted(text)).join('|');
        draw();
        body.children[place].focus();
      });
      return line;
    }));
  };
  const sortBy = (cell, key, isDown) => {
    for (const other of head.children) if (other.hasAttribute('aria-sort')) other.setAttribute('aria-sort', 'none');
    cell.setAttribute('aria-sort', isDown ? 'descending' : 'ascending');
    rows = [...page.rows].sort((a, b) => (isDown ? -1 : 1) * (typeof key(a) === 'string' ? (key(a) < key(b) ? -1 : 1) : Math.abs(key(a)) - Math.abs(key(b))));
    draw();
  };
  const sorted = (page.options.find(option => option.name === 'sort') || {}).value === 'cum' ? 'Cum' : 'Flat';
  for (const [title, key] of columns) {
    const cell = element('th', { textContent: title, scope: 'col' });
    if (key) {
      cell.tabIndex = 0;
      cell.setAttribute('aria-sort', title === sorted ? 'descending' : 'none');
      onPress(cell, () => {
        const now = cell.getAttribute('aria-sort');
        sortBy(cell, key, now === 'none' ? title !== 'Name' : now === 'ascending');
      });
    }
    head.append(cell);
  }
  content.append(element('div', { className: 'wide' }, table));
  onSearch = draw;
  draw();
}

/// Lets mouse and keys move `inner` inside `frame`, come nearer, and fit it in.
class Movable {
  constructor(frame, inner) {
    this.frame = frame;
    this.inner = inner;
    this.held = null;
    this.hasMoved = false;
    frame.addEventListener('wheel', event => {
      event.preventDefault();
      const box = frame.getBoundingClientRect();
      this.nearer(Math.exp(-Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) / 400), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    frame.addEventListener('pointerdown', event => {
      this.held = { x: event.clientX - this.x, y: event.clientY - this.y };
      this.hasMoved = false;
    });
    frame.addEventListener('pointermove', event => {
      if (!this.held) return;
      const [x, y] = [event.clientX - this.held.x, event.clientY - this.held.y];
      if (Math.hypot(x - this.x, y - this.y) > 3) this.hasMoved = true;
      if (this.hasMoved) this.place(x, y, this.scale);
    });
    window.addEventListener('pointerup', () => { this.held = null; });
    frame.addEventListener('keydown', event => this.press(event));
    this.fit();
  }

  place(x, y, scale) {
    [this.x, this.y, this.scale] = [x, y, scale];
    this.inner.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  }

  nearer(factor, x = this.frame.clientWidth / 2, y = this.frame.clientHeight / 2) {
    this.place(x - (x - this.x) * factor, y - (y - this.y) * factor, this.scale * factor);
  }

  /// As large as it is whole inside the frame.
  fit() {
    const [width, height] = [this.inner.width.baseVal.value, this.inner.height.baseVal.value];
    const scale = Math.min(this.frame.clientWidth / width, this.frame.clientHeight / height, 1.2);
    this.place((this.frame.clientWidth - width * scale) / 2, Math.max((this.frame.clientHeight - height * scale) / 2, 0), scale);
  }

  /// Its letters as large as those of the page.
  full() {
    this.nearer(1 / this.scale);
  }

  press(event) {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (step) this.place(this.x + step[0], this.y + step[1], this.scale);
    else if (event.key === '+' || event.key === '=') this.nearer(1.25);
    else if (event.key === '-') this.nearer(0.8);
    else if (event.key === '0') this.fit();
    else if (event.key === '1') this.full();
    else return;
    event.preventDefault();
  }
}

function showGraph(content) {
  const frame = element('div', { id: 'graph', tabIndex: 0, role: 'group',
    ariaLabel: 'Graph: arrow keys move, + and - come nearer and go back, 0 fits it in, 1 shows it in its size' });
  const tools = element('div', { className: 'tools' });
  content.append(tools, frame);
  const svg = document.adoptNode(new DOMParser().parseFromString(page.svg, 'image/svg+xml').documentElement);
  // Its sizes are in points; pixels serve as well.
  for (const side of ['width', 'height']) svg.setAttribute(side, parseFloat(svg.getAttribute(side)));
  frame.replaceChildren(svg);
  const movable = new Movable(frame, svg);
  const hasMoved = () => movable.hasMoved;
  for (const [id, text, title, act] of [['zoom-in', '+', 'Come nearer', () => movable.nearer(1.25)], ['zoom-out', '\u2212', 'Go back', () => movable.nearer(0.8)],
    ['fit', 'Fit', 'Show all of it', () => movable.fit()], ['full', '1:1', 'Show it in its size', () => movable.full()]]) {
    const button = element('button', { type: 'button', id, textContent: text, title, ariaLabel: title });
    button.addEventListener('click', act);
    tools.append(button);
  }
  const chosen = new Set();
  const nodes = [...svg.querySelectorAll('g.node')].filter(node => /^node\d+$/.test(node.id));
  const nameOf = node => {
    const link = node.querySelector('a');
    const text = link ? link.getAttribute('xlink:title') || link.getAttributeNS('http://www.w3.org/1999/xlink', 'title') || '' : '';
    return text.replace(/ \([^()]*\)$/, '');
  };
  const draw = () => {
    const expression = flamePattern(search);
    for (const node of nodes) {
      const name = nameOf(node);
      node.classList.toggle('chosen', chosen.has(name));
      node.classList.toggle('found', Boolean(expression) && expression.test(name));
    }
  };
  for (const node of nodes) {
    node.setAttribute('tabindex', '0');
    onPress(node, event => {
      if (event.type === 'click' && hasMoved()) return;
      const name = nameOf(node);
      if (!chosen.delete(name)) chosen.add(name);
      search.value = [...chosen].map(text => flameQuoted(text)).join('|');
      draw();
    });
  }
  onSearch = draw;
  draw();
  document.body.dataset.ready = 'graph';
}

/// A value as reports write it, as a number; 0 of what is none.
function valueOf(text) {
  const match = /^(-?[\d.]+)([a-zA-Z]*)$/.exec(text);
  if (!match) return 0;
  const factors = { kb: 1024, mb: 2 ** 20, gb: 2 ** 30, tb: 2 ** 40, pb: 2 ** 50, us: 1e3, ms: 1e6, s: 1e9, mins: 60e9, hrs: 3600e9, days: 86400e9 };
  return Number(match[1]) * (factors[match[2].toLowerCase()] || 1);
}

/// Source lines; those through which most goes stand out, by their share of the most in their function.
function sourceLines(text) {
  const lines = text.split('\n').map(line => ({ line, match: /^ *(\S+) +(\S+) +(\d+):/.exec(line), made: null }));
  const routines = [];
  for (const one of lines) {
    const routine = /^ROUTINE =+ (.*) in (.*)$/.exec(one.line);
    if (routine) routines.push({ name: routine[1], lines: [] });
    if (!one.match || routines.length === 0) continue;
    one.weight = Math.abs(valueOf(one.match[2]));
    if (one.weight > 0) routines[routines.length - 1].lines.push(one);
  }
  const hot = [];
  for (const { name, lines: weighed } of routines) {
    const most = Math.max(...weighed.map(one => one.weight), 0);
    for (const one of weighed) {
      one.heat = Math.max(Math.ceil(one.weight / most * 5), 1);
      hot.push({ ...one, name, of: one });
    }
  }
  const area = element('pre', { className: 'text' }, ...lines.map((one, i) => {
    one.made = element('span', { className: one.heat ? `line heat-${one.heat}` : 'line', textContent: one.line + (i + 1 < lines.length ? '\n' : '') });
    return one.made;
  }));
  hot.sort((a, b) => b.weight - a.weight);
  const list = element('nav', { className: 'hot', ariaLabel: 'Lines that weigh most' }, ...hot.slice(0, 5).map(one => {
    const button = element('button', { type: 'button', textContent: `${one.match[3]}: ${one.match[2]}`, title: `Line ${one.match[3]} of ${one.name}` });
    button.addEventListener('click', () => one.of.made.scrollIntoView({ block: 'center' }));
    return button;
  }));
  return hot.length > 0 ? [list, area] : [area];
}

const sourceLinesMax = 20000; // of a text whose lines are looked at

function showText(content) {
  const input = element('input', { name: 'f', value: parameters.get('f') || '', placeholder: 'regular expression of functions', ariaLabel: 'Functions to show' });
  const form = element('form', { className: 'pattern' }, input, element('button', { type: 'submit', textContent: page.title }));
  form.addEventListener('submit', event => {
    event.preventDefault();
    location.href = address(page.page, { f: input.value });
  });
  content.append(form);
  if (page.text === undefined) {
    input.focus();
  } else if (page.page === 'source' && page.text.split('\n', sourceLinesMax + 1).length <= sourceLinesMax) {
    content.append(...sourceLines(page.text));
  } else {
    content.append(element('pre', { className: 'text', textContent: page.text }));
  }
}

function show() {
  showBar();
  const content = document.getElementById('content');
  for (const warning of [...page.warnings, ...page.problems]) content.append(element('div', { className: 'warning', textContent: warning }));
  if (page.error) content.append(element('div', { className: 'warning', role: 'alert', textContent: page.error }));
  if (page.error && page.page !== 'peek' && page.page !== 'source') return;
  if (page.flame) {
    const graph = element('div', {});
    content.append(graph);
    showFlame(graph, page.flame, { search, pivot: parameters.get('p'), links: linksTo,
      onSelect: name => { selected = name ? flameQuoted(name) : ''; } });
    document.body.dataset.ready = 'flame';
    return;
  }
  if (page.page === 'top' || page.page === 'source') {
    content.append(element('p', { className: 'legend', textContent: (page.legend || []).join('\n') }));
  }
  if (page.page === 'top') showTop(content);
  else if (page.svg !== undefined) showGraph(content);
  else showText(content);
}

show();
