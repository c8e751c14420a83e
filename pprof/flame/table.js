// The functions of a flame graph as a table beside it, for sorting, for going to their callers, and for who cannot see pictures.
'use strict';

const flameTableRows = 100; // that are shown at first, and more with each press of the button

class FlameTable {
  /// `graph` is the flame graph; `chosen(name)` is told which function was pressed.
  constructor(graph, chosen) {
    this.graph = graph;
    this.chosen = chosen;
    this.by = 'self';
    this.isDescending = true;
    this.most = flameTableRows;
    this.body = flameElement('tbody', {});
    this.heads = [['self', 'Self', 'What it holds in itself'], ['total', 'Total', 'What it and what it calls hold'], ['name', 'Function', '']].map(([key, title, help]) => {
      const button = flameElement('button', { type: 'button', textContent: title, title: help });
      const head = flameElement('th', { scope: 'col', className: key === 'name' ? '' : 'number' }, button);
      button.addEventListener('click', () => this.sort(key));
      head.dataset.key = key;
      return head;
    });
    this.caption = flameElement('caption', {});
    this.more = flameElement('button', { type: 'button', className: 'flame-more', textContent: 'Show more' });
    this.more.addEventListener('click', () => {
      this.most += flameTableRows;
      this.fill();
    });
    this.area = flameElement('div', { id: 'flame-table', className: 'flame-table', role: 'region', ariaLabel: 'Functions of the flame graph', tabIndex: 0 },
      flameElement('table', {}, this.caption, flameElement('thead', {}, flameElement('tr', {}, ...this.heads)), this.body), this.more);
  }

  /// `totals` as flameTotals() makes them; `pattern` of the names that are listed, null: all.
  show(totals, pattern) {
    if (this.totals !== totals) this.most = flameTableRows;
    this.totals = totals;
    this.pattern = pattern;
    this.fill();
  }

  sort(key) {
    this.isDescending = this.by === key ? !this.isDescending : key !== 'name';
    this.by = key;
    this.fill();
  }

  fill() {
    const { texts } = this.graph.data;
    const { unit } = this.graph.view;
    const isChange = this.graph.isDifference();
    const value = isChange ? flameChange : flameText;
    const sign = this.isDescending ? -1 : 1;
    const size = total => isChange ? Math.abs(total[this.by]) : total[this.by];
    const rows = this.totals.filter(total => !this.pattern || this.pattern.test(texts[total.name]));
    rows.sort((a, b) => (this.by === 'name' ? sign * (texts[a.name] < texts[b.name] ? -1 : 1) : sign * (size(a) - size(b)) || b.width - a.width));
    this.body.replaceChildren(...rows.slice(0, this.most).map(total => {
      const name = texts[total.name];
      const open = flameElement('button', { type: 'button', className: 'flame-name', textContent: flameShort(name), title: `${name}: show who calls it` });
      open.addEventListener('click', () => this.chosen(name));
      const cell = flameElement('td', {}, open);
      for (const { title, href } of this.graph.links(name)) {
        cell.append(' ', flameElement('a', { className: 'flame-link', href, textContent: title.toLowerCase(), ariaLabel: `${title} of ${name}` }));
      }
      return flameElement('tr', {}, flameElement('td', { className: 'number', textContent: value(total.self, unit) }),
        flameElement('td', { className: 'number', textContent: value(total.total, unit) }), cell);
    }));
    for (const head of this.heads) {
      head.setAttribute('aria-sort', head.dataset.key !== this.by ? 'none' : this.isDescending ? 'descending' : 'ascending');
    }
    this.caption.textContent = `${Math.min(this.most, rows.length)} of ${rows.length} functions`;
    this.more.hidden = rows.length <= this.most;
  }
}
