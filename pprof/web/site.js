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

function quoted(name) {
  return name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
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

/// The expression in the search box, or null where there is none or a wrong one.
function pattern() {
  search.classList.remove('bad');
  if (search.value === '') return null;
  try {
    return new RegExp(search.value, /[A-Z]/.test(search.value) ? '' : 'i');
  } catch (error) {
    search.classList.add('bad');
    return null;
  }
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
  bar.append(element('div', { className: 'row' }, element('span', { className: 'brand', textContent: 'heapwatch pprof' }), nav,
    element('label', {}, 'Sample ', types)));

  const refine = element('div', { className: 'row' }, element('label', {}, 'Search ', search));
  for (const [key, title] of refinements) {
    const button = element('button', { type: 'button', textContent: title, title: `${title} what the search box names, or what is selected` });
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
  const configs = element('select', { id: 'config', title: 'Options that were saved', ariaLabel: 'Saved options' });
  configs.append(element('option', { textContent: 'Config', value: '' }), element('option', { textContent: 'Default', value: '?' }));
  for (const config of page.configs) configs.append(element('option', { textContent: config.name, value: `?${config.query}` }));
  configs.addEventListener('change', () => { if (configs.value) location.href = page.page + (configs.value === '?' ? '' : configs.value); });
  const save = element('button', { type: 'button', id: 'save', textContent: 'Save as \u2026', title: 'Saves these options under a name' });
  const remove = element('button', { type: 'button', id: 'delete', textContent: 'Delete \u2026', title: 'Deletes saved options' });
  const ask = (path, name) => {
    if (!name) return;
    fetch(address(path, { config: name }), { method: 'POST' }).then(async reply => {
      if (reply.ok) location.reload();
      else alert(await reply.text());
    });
  };
  save.addEventListener('click', () => ask('saveconfig', prompt('Save these options as')));
  remove.addEventListener('click', () => ask('deleteconfig', prompt('Which options are to be deleted?')));
  bar.firstChild.append(configs, save, remove);
  search.addEventListener('input', () => onSearch(pattern()));
}

function showTop(content) {
  const columns = [['Flat', row => row.Flat], ['Flat%', row => row.Flat], ['Sum%', null], ['Cum', row => row.Cum],
    ['Cum%', row => row.Cum], ['Name', row => row.Name]];
  const table = element('table', { className: 'rows', id: 'rows' });
  const head = element('tr', {});
  const body = element('tbody', {});
  table.append(element('thead', {}, head), body);
  const percent = part => {
    const ratio = page.totalNumber === 0 ? 0 : Math.abs(part / page.totalNumber) * 100;
    return (ratio >= 99.95 ? 100 : ratio >= 1 ? ratio.toFixed(2) : Number(ratio.toPrecision(2))) + '%';
  };
  const chosen = new Set();
  let rows = page.rows;
  const draw = () => {
    const expression = pattern();
    let sum = 0;
    body.replaceChildren(...rows.map(row => {
      sum += row.Flat;
      const name = element('td', {}, row.Name);
      if (row.InlineLabel) name.append(element('span', { className: 'inline', textContent: ` (${row.InlineLabel.replace(/[()]/g, '')})` }));
      const cells = [row.FlatFormat, percent(row.Flat), percent(sum), row.CumFormat, percent(row.Cum)];
      const line = element('tr', {}, ...cells.map(text => element('td', { textContent: text })), name);
      if (chosen.has(row.Name)) line.classList.add('chosen');
      else if (expression && expression.test(row.Name)) line.classList.add('found');
      line.tabIndex = 0;
      onPress(line, () => {
        const place = rows.indexOf(row);
        if (!chosen.delete(row.Name)) chosen.add(row.Name);
        search.value = [...chosen].map(text => `^${quoted(text)}$`).join('|');
        draw();
        body.children[place].focus();
      });
      return line;
    }));
  };
  for (const [title, key] of columns) {
    const cell = element('th', { textContent: title, scope: 'col' });
    if (key) {
      cell.tabIndex = 0;
      onPress(cell, () => {
        for (const other of head.children) other.removeAttribute('aria-sort');
        cell.setAttribute('aria-sort', title === 'Name' ? 'ascending' : 'descending');
        rows = [...page.rows].sort((a, b) => typeof key(a) === 'string' ? (key(a) < key(b) ? -1 : 1) : Math.abs(key(b)) - Math.abs(key(a)));
        draw();
      });
    }
    head.append(cell);
  }
  content.append(element('div', { className: 'wide' }, table));
  onSearch = draw;
  draw();
}

/// Lets the mouse drag and zoom `inner` inside `frame`.
function makeMovable(frame, inner) {
  let scale = Math.min(frame.clientWidth / inner.width.baseVal.value, 1.2);
  let x = Math.max((frame.clientWidth - inner.width.baseVal.value * scale) / 2, 0);
  let y = 4;
  let held = null;
  let hasMoved = false;
  const place = () => { inner.style.transform = `translate(${x}px, ${y}px) scale(${scale})`; };
  frame.addEventListener('wheel', event => {
    event.preventDefault();
    const factor = Math.exp(-Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) / 400);
    const box = frame.getBoundingClientRect();
    x = event.clientX - box.left - (event.clientX - box.left - x) * factor;
    y = event.clientY - box.top - (event.clientY - box.top - y) * factor;
    scale *= factor;
    place();
  }, { passive: false });
  frame.addEventListener('pointerdown', event => { held = { x: event.clientX - x, y: event.clientY - y }; hasMoved = false; });
  frame.addEventListener('pointermove', event => {
    if (!held) return;
    if (Math.hypot(event.clientX - x - held.x, event.clientY - y - held.y) > 3) hasMoved = true;
    x = event.clientX - held.x;
    y = event.clientY - held.y;
    place();
  });
  window.addEventListener('pointerup', () => { held = null; });
  place();
  return () => hasMoved;
}

function showGraph(content) {
  const frame = element('div', { id: 'graph' });
  content.append(frame);
  const svg = document.adoptNode(new DOMParser().parseFromString(page.svg, 'image/svg+xml').documentElement);
  // Its sizes are in points; pixels serve as well.
  for (const side of ['width', 'height']) svg.setAttribute(side, parseFloat(svg.getAttribute(side)));
  frame.replaceChildren(svg);
  const hasMoved = makeMovable(frame, svg);
  const chosen = new Set();
  const nodes = [...svg.querySelectorAll('g.node')].filter(node => /^node\d+$/.test(node.id));
  const nameOf = node => {
    const link = node.querySelector('a');
    const text = link ? link.getAttribute('xlink:title') || link.getAttributeNS('http://www.w3.org/1999/xlink', 'title') || '' : '';
    return text.replace(/ \([^()]*\)$/, '');
  };
  const draw = () => {
    const expression = pattern();
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
      search.value = [...chosen].map(text => `^${quoted(text)}$`).join('|');
      draw();
    });
  }
  onSearch = draw;
  draw();
  document.body.dataset.ready = 'graph';
}

function showText(content) {
  const input = element('input', { name: 'f', value: parameters.get('f') || '', placeholder: 'regular expression of functions', ariaLabel: 'Functions to show' });
  const form = element('form', { className: 'pattern' }, input, element('button', { type: 'submit', textContent: page.title }));
  form.addEventListener('submit', event => {
    event.preventDefault();
    location.href = address(page.page, { f: input.value });
  });
  content.append(form);
  if (page.text !== undefined) content.append(element('pre', { className: 'text', textContent: page.text }));
  else input.focus();
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
    showFlame(graph, page.flame, { search, pivot: parameters.get('p'), onSelect: name => { selected = name ? `^${quoted(name)}$` : ''; } });
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
