// The view of one process: verdict, composition, where the growth went, suspects, flame graph.
'use strict';

class ProcessView {
  /// `query` is the selection, as the URL has it; `go` changes it.
  constructor(main, query, go) {
    this.main = main;
    this.query = query;
    this.go = go;
    this.parts = Object.fromEntries(['head', 'composition', 'growth', 'suspects', 'flame', 'events'].map(name =>
      [name, element('section', { id: name })]));
    main.replaceChildren(...Object.values(this.parts));
    this.chart = new MemoryChart((from, to) => go({ from, to, flame: null }));
    this.parts.composition.append(element('h2', {}, 'Composition'), this.chart.area, this.chart.values, this.chart.legend,
      element('p', { className: 'hint' }, 'Drag over the chart to choose two moments.'));
    this.chart.area.tabIndex = 0;
    this.chart.area.onkeydown = event => this.key(event);
    this.memory = null;
  }

  address(what, more) {
    const pid = this.query.get('pid') || '0';
    const parameters = new URLSearchParams(more);
    if (this.query.get('life')) parameters.set('life', this.query.get('life'));
    return `${what}/${pid}?${parameters}`;
  }

  async refresh(range) {
    const parameters = { points: 600 };
    if (range.to !== null) parameters.to = range.to;
    parameters.from = (range.to === null ? Date.now() : range.to) - range.span;
    // While the end is the present only what is new is asked for.
    if (this.memory && range.to === null && this.span === range.span) parameters.since = this.memory.next;
    const answer = await ask(this.address('memory', parameters));
    this.span = range.span;
    this.memory = parameters.since === undefined ? answer : ProcessView.join(this.memory, answer);
    this.chart.selected = this.moments();
    this.chart.show(this.memory);
    this.showEvents();
    const suspects = await ask(this.address('suspects', {}));
    this.showHead(suspects);
    this.showSuspects(suspects);
    await this.showGrowth();
    await this.showFlame();
  }

  /// What came since, behind what is there; what has left the span goes.
  static join(before, more) {
    const times = [...before.times, ...more.times];
    const keep = times.findIndex(time => time >= more.from);
    const first = keep < 0 ? times.length : keep;
    const lane = (old, now) => [...(old || before.times.map(() => null)), ...(now || more.times.map(() => null))].slice(first);
    const key = row => [row.space, row.owner, row.state].join('/');
    const names = [...new Map([...before.rows, ...more.rows].map(row => [key(row), row])).values()];
    const rows = names.map(row => ({ ...row, bytes: lane((before.rows.find(old => key(old) === key(row)) || {}).bytes,
      (more.rows.find(now => key(now) === key(row)) || {}).bytes) }));
    const lanes = [...new Set([...before.series, ...more.series].map(one => one.name))];
    const series = lanes.map(name => {
      const [old, now] = [before, more].map(side => side.series.find(one => one.name === name) || {});
      return { name, last: lane(old.last, now.last), least: lane(old.least, now.least), greatest: lane(old.greatest, now.greatest) };
    });
    return { ...more, times: times.slice(first), rows, series, events: [...before.events, ...more.events].filter(event => event.time >= more.from),
      profiles: [...before.profiles, ...more.profiles].filter(profile => profile.time >= more.from) };
  }

  moments() {
    const [from, to] = [Number(this.query.get('from')), Number(this.query.get('until'))];
    return from && to ? [from, to] : null;
  }

  last(name) {
    const series = this.memory.series.find(one => one.name === name);
    const values = series ? series.last.filter(value => value !== null) : [];
    return values.length > 0 ? values[values.length - 1] : null;
  }

  showHead(suspects) {
    const life = this.memory;
    const facts = [`pid ${life.pid || '–'}`, life.service !== life.name ? life.service : '', 'RSS ' + text.bytes(this.last('rss')),
      this.last('limit') ? 'limit ' + text.bytes(this.last('limit')) : '', this.last('swap') ? 'swap ' + text.bytes(this.last('swap')) : '',
      life.ended ? `ended ${text.time(life.ended)} ${life.how}` : `since ${text.time(life.started || life.first)}`];
    const lives = life.lives.length < 2 ? null : element('label', {}, 'Lives of this service ', element('select', {
      onchange: event => this.go({ life: event.target.value, pid: event.target.selectedOptions[0].dataset.pid, from: null, to: null, flame: null }) },
      ...life.lives.map(one => element('option', { value: one.life, selected: one.life === life.life, data: { pid: one.pid } },
        `pid ${one.pid}, ${text.time(one.first)}${one.ended ? ', ' + (one.how || 'ended') : ''}`))));
    const verdict = suspects.verdict;
    this.parts.head.replaceChildren(element('h1', {}, life.name),
      element('p', { className: 'verdict ' + (verdict ? verdict.verdict : '') }, verdict ? verdict.sentence : 'No verdict: the check memory does not judge this process at present.'),
      element('p', { className: 'facts' }, facts.filter(Boolean).join(' · ')), ...(lives ? [lives] : []));
    document.title = `${life.name} ${life.pid || ''} – heapwatch`;
  }

  async showGrowth() {
    const moments = this.moments();
    const shown = moments || [this.memory.from, this.memory.to];
    const growth = await ask(this.address('growth', { from: shown[0], to: shown[1] }));
    const changed = growth.rows.filter(row => row.delta !== 0);
    const sum = changed.reduce((all, row) => all + Math.abs(row.delta), 0);
    const bar = element('div', { className: 'bar', role: 'img', 'aria-label': 'Shares of the change; the table has the numbers' },
      ...changed.filter(row => Math.abs(row.delta) > sum / 200).map(row => {
        const part = element('span', { className: row.delta < 0 ? 'shrank' : 'grew', title: `${rowName(row)} ${text.change(row.delta)}` });
        part.style.flexGrow = Math.abs(row.delta);
        part.style.background = row.delta < 0 ? '' : rowColor(row);
        part.textContent = row.delta < 0 ? '−' : '+';
        return part;
      }));
    const head = element('p', {}, moments
      ? `Between ${text.time(growth.from)} and ${text.time(growth.to)}: RSS ${text.change(growth.rss_delta)}. ` : `In the time shown: RSS ${text.change(growth.rss_delta)}. `,
    ...(moments ? [element('button', { type: 'button', onclick: () => this.go({ from: null, to: null, flame: null }) }, 'Clear the choice')] : []));
    const table = sortedTable([
      { title: 'Row', of: rowName, key: rowName },
      { title: 'Change', number: true, of: row => text.change(row.delta), key: row => Math.abs(row.delta) },
      { title: 'Before', number: true, of: row => text.bytes(row.before), key: row => row.before },
      { title: 'After', number: true, of: row => text.bytes(row.after), key: row => row.after },
    ], changed, { caption: 'Rows that changed; they add up to the change of RSS', by: 1 });
    const sites = growth.profiles.map(profile => this.sites(profile, `What ${profile.kind} code holds more or less of`, true));
    this.parts.growth.replaceChildren(element('h2', {}, 'Where the growth went'), head,
      ...(changed.length > 0 ? [bar, table] : [element('p', { className: 'none' }, 'No row changed, or there are no two looks in this time.')]), ...sites);
  }

  sites(profile, caption, isChange) {
    return sortedTable([
      { title: isChange ? 'Change' : 'Bytes', number: true, of: site => isChange ? text.change(site.bytes) : text.bytes(site.bytes), key: site => Math.abs(site.bytes) },
      { title: 'Objects', number: true, of: site => site.objects.toLocaleString(), key: site => site.objects },
      { title: 'Share', number: true, of: site => text.percent(site.bytes, profile.bytes) },
      { title: 'Space', of: site => site.space || profile.kind, key: site => site.space || profile.kind },
      { title: 'Site', of: site => element('details', {},
        element('summary', {}, site.stack.length > 0 ? site.stack[0].function : '?', ' ', element('span', { className: 'place' }, site.stack.length > 0 ? text.place(site.stack[0]) : '')),
        element('ol', {}, ...site.stack.map(frame => element('li', {}, frame.function, ' ', element('span', { className: 'place' }, text.place(frame)))))) },
    ], profile.sites, { caption: `${caption}, ${isChange ? `${text.time(profile.from)} to ${text.time(profile.to)}` : text.time(profile.to)}`, by: 0 });
  }

  showSuspects(suspects) {
    const opened = this.parts.suspects.querySelector('details[open]');
    if (opened && this.suspectsAt === JSON.stringify(suspects.profiles.map(profile => profile.to))) return;
    this.suspectsAt = JSON.stringify(suspects.profiles.map(profile => profile.to));
    const next = suspects.verdict ? suspects.verdict.next : [];
    this.parts.suspects.replaceChildren(element('h2', {}, 'Suspects'),
      ...(next.length > 0 ? [element('p', {}, 'Next: ', ...next.map(command => element('code', {}, command)))] : []),
      ...suspects.profiles.map(profile => {
        const kind = profile.kind;
        return element('div', {}, this.sites(profile, `What ${kind} code holds`, false),
          element('p', {}, element('button', { type: 'button', onclick: () => this.go({ flame: kind }) }, 'Flame graph'), ' ',
            element('a', { href: 'api/v1/' + this.address('profile', { kind, at: profile.to }) }, 'Download the profile'), ' ',
            element('code', {}, `heapwatch pprof -top '${new URL('api/v1/' + this.address('profile', { kind, at: profile.to }), location.href)}'`)));
      }),
      ...(suspects.profiles.length === 0 ? [element('p', { className: 'none' }, 'No profile was kept of this process. heapwatch exec or the URL of its Go pages gives the check memory some.')] : []));
  }

  async showFlame() {
    const kind = this.query.get('flame');
    if (!kind) {
      this.parts.flame.replaceChildren();
      this.flameOf = null;
      return;
    }
    const moments = this.moments();
    const at = moments ? moments[1] : this.memory.to;
    const chosen = [kind, ...(moments || ['now'])].join();
    if (this.flameOf === chosen) return;
    this.flameOf = chosen;
    const data = await ask(this.address('profile', { kind, at, format: 'flame', ...(moments ? { base: moments[0] } : {}) }));
    const area = element('div');
    this.parts.flame.replaceChildren(element('h2', {}, moments ? `Flame graph of the difference, ${kind}` : `Flame graph, ${kind}`),
      element('p', {}, element('button', { type: 'button', onclick: () => this.go({ flame: null }) }, 'Close'), ' ',
        element('a', { href: 'api/v1/' + this.address('profile', { kind, at, format: 'html', ...(moments ? { base: moments[0] } : {}) }), download: 'flame.html' }, 'Save as one HTML file')), area);
    showFlame(area, data);
  }

  showEvents() {
    const events = [...this.memory.events].reverse().slice(0, 50);
    this.parts.events.replaceChildren(element('h2', {}, 'Events'), ...(events.length === 0 ? [element('p', { className: 'none' }, 'None in this time.')] : [
      element('ul', {}, ...events.map(event => element('li', {}, element('time', {}, text.time(event.time)), ` ${event.kind}: ${event.text}`)))]));
  }

  /// Arrows move the chosen moments, Escape clears them.
  key(event) {
    const moments = this.moments();
    const step = (this.memory.to - this.memory.from) / 50;
    const move = { ArrowLeft: -step, ArrowRight: step }[event.key];
    if (event.key === 'Escape') this.go({ from: null, to: null, flame: null });
    if (!move) return;
    event.preventDefault();
    const [from, to] = moments || [this.memory.from + 10 * step, this.memory.to - 10 * step];
    this.go({ from: Math.round(event.shiftKey ? from : from + move), to: Math.round(to + move) });
  }
}
