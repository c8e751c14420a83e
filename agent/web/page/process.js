// The view of one process: verdict, composition, where the growth went, suspects, flame graph.
'use strict';

class ProcessView {
  /// `query` is the selection, as the URL has it; `go` changes it.
  constructor(page, query, go) {
    this.page = page;
    this.main = page.main;
    this.query = query;
    this.go = go;
    this.parts = Object.fromEntries(['head', 'flame', 'composition', 'growth', 'suspects', 'events'].map(name =>
      [name, element('section', { id: name })]));
    this.main.replaceChildren(...Object.values(this.parts));
    this.chart = new MemoryChart((from, to) => go({ from, to, flame: null }));
    this.parts.composition.append(element('h2', {}, 'Composition'), this.chart.area, this.chart.values, this.chart.legend,
      element('p', { className: 'hint' }, 'Drag over the chart to choose two moments, or use the arrow keys.'), this.chart.numbers);
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
    const parameters = { points: 600, from: Math.round(range.to - range.span), to: Math.round(range.to) };
    // While the end is the present only what is new is asked for.
    if (this.memory && range.isPresent && this.span === range.span) parameters.since = this.memory.next;
    const answer = await ask(this.address('memory', parameters));
    this.span = range.span;
    this.memory = parameters.since === undefined ? answer : ProcessView.join(this.memory, answer);
    if (this.memory.kind !== 'process') {
      this.charts = this.charts || new SeriesView(this.page);
      this.charts.show(this.memory);
      return;
    }
    this.chart.selected = this.moments();
    this.chart.show(this.memory);
    this.showEvents();
    // Verdict, growth and profiles change with a frame or with the choice, not with each poll.
    const shown = [this.memory.next, range.span, range.isPresent, this.query].join();
    if (this.shown === shown) return;
    const suspects = await ask(this.address('suspects', {}));
    this.showHead(suspects);
    this.showSuspects(suspects);
    const growth = await this.showGrowth();
    await this.showFlame(growth);
    this.shown = shown;
    this.page.shows({ memory: this.memory, suspects, growth });
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
      element('p', { className: 'facts' }, facts.filter(Boolean).join(' · ')), ...(lives ? [lives] : []), this.twins());
    document.title = `${life.name} ${life.pid || ''} – heapwatch`;
  }

  /// The same for programs, and for another machine.
  twins() {
    const range = { from: Math.round(this.memory.from), to: Math.round(this.memory.to) };
    const link = (what, title) => element('a', { href: 'api/v1/' + this.address(what, range) }, title);
    return element('p', { className: 'hint' }, 'As JSON: ', link('memory', 'memory'), ', ', link('growth', 'growth'), ', ', link('suspects', 'suspects'),
      ...(this.page.hasExport ? [' · ', element('a', { href: 'api/v1/export?' + new URLSearchParams({ ...range, life: this.memory.life }), download: 'incident.tar' }, 'Save this time as a file'),
        ' that heapwatch web opens elsewhere'] : []));
  }

  async showGrowth() {
    const moments = this.moments();
    const shown = moments || [this.memory.from, this.memory.to];
    const growth = await ask(this.address('growth', { from: shown[0], to: shown[1] }));
    const changed = growth.rows.filter(row => row.delta !== 0);
    const sum = changed.reduce((all, row) => all + Math.abs(row.delta), 0);
    const bar = element('div', { className: 'bar', role: 'group', 'aria-label': 'Shares of the change; the table has the numbers' },
      ...changed.filter(row => Math.abs(row.delta) > sum / 200).map(row => {
        const part = element('button', { type: 'button', className: row.delta < 0 ? 'shrank' : 'grew', title: `${rowName(row)} ${text.change(row.delta)}: show who`,
          'aria-label': `${rowName(row)} ${text.change(row.delta)}: show who`, onclick: () => this.showWho(row, growth) });
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
    return growth;
  }

  /// A part of the growth leads to the flame graph of what its memory gained, or else to who holds it.
  showWho(row, growth) {
    const kind = row.space === 'go' || row.space === 'python' ? row.space : 'native';
    if (this.memory.profiles.some(profile => profile.kind === kind) || growth.profiles.some(profile => profile.kind === kind)) {
      const moments = this.moments() || [growth.from, growth.to];
      this.go({ flame: kind, from: Math.round(moments[0]), to: Math.round(moments[1]) });
    } else {
      this.parts.suspects.scrollIntoView();
    }
  }

  sites(profile, caption, isChange, more = []) {
    return sortedTable([
      { title: 'Site', room: 'text', of: site => element('details', {},
        element('summary', {}, site.stack.length > 0 ? site.stack[0].function : '?', ' ', element('span', { className: 'place' }, site.stack.length > 0 ? text.place(site.stack[0]) : '')),
        element('ol', {}, ...site.stack.map(frame => element('li', {}, frame.function, ' ', element('span', { className: 'place' }, text.place(frame)))))) },
      { title: isChange ? 'Change' : 'Bytes', number: true, of: site => isChange ? text.change(site.bytes) : text.bytes(site.bytes), key: site => Math.abs(site.bytes) },
      { title: 'Objects', number: true, of: site => site.objects.toLocaleString(), key: site => site.objects },
      { title: 'Share', number: true, of: site => text.percent(site.bytes, profile.bytes) },
      { title: 'Space', of: site => site.space || profile.kind, key: site => site.space || profile.kind },
      ...more,
    ], profile.sites, { caption: `${caption}, ${isChange ? `${text.time(profile.from)} to ${text.time(profile.to)}` : text.time(profile.to)}`, by: 1 });
  }

  /// What a suspect did over time, and what to do about it.
  suspectColumns(profile) {
    const hasAges = profile.sites.some(site => site.ages.length > 0);
    const oldest = site => site.ages.length > 0 ? site.ages[site.ages.length - 1].seconds : null;
    const of = { kind: profile.kind, at: profile.to };
    return [
      { title: 'Growth', number: true, of: site => text.rate(site.growth_bytes_per_hour), key: site => site.growth_bytes_per_hour },
      ...(hasAges ? [
        { title: 'Oldest', number: true, of: site => element('span', { title: text.ages(site.ages) }, text.age(oldest(site))), key: oldest },
        { title: 'Survival', number: true, of: site => site.survival === null ? '–' : text.percent(site.survival, 1), key: site => site.survival },
      ] : []),
      { title: 'Over time', of: site => sparkline(profile.times, site.course) },
      { title: 'Do', of: site => {
        const name = site.stack.length > 0 ? site.stack[0].function : '';
        if (!name) return '';
        const command = `heapwatch pprof -peek '${flameQuoted(name)}' '${this.profileUrl(of)}'`;
        return element('span', { className: 'do' },
          element('button', { type: 'button', title: `Flame graph, ${name} marked`, 'aria-label': `Flame graph, ${name} marked`, onclick: () => this.go({ flame: profile.kind }, new URLSearchParams({ search: flameQuoted(name) }).toString()) }, 'Flame'),
          element('a', { href: this.profileUrl(of), download: '', title: 'Download the profile', 'aria-label': `Download the profile that ${name} is in` }, 'Save'),
          element('button', { type: 'button', title: command, 'aria-label': `Copy the command ${command}`, onclick: event => flameCopy(event.currentTarget, command) }, 'Copy'));
      } },
    ];
  }

  showSuspects(suspects) {
    const opened = this.parts.suspects.querySelector('details[open]');
    if (opened && this.suspectsAt === JSON.stringify(suspects.profiles.map(profile => profile.to))) return;
    this.suspectsAt = JSON.stringify(suspects.profiles.map(profile => profile.to));
    const next = suspects.verdict ? suspects.verdict.next : [];
    this.parts.suspects.replaceChildren(element('h2', {}, 'Suspects'),
      ...(next.length > 0 ? [element('p', { className: 'commands' }, 'Next: ', ...next.map(commandLine))] : []),
      ...suspects.profiles.map(profile => {
        const kind = profile.kind;
        return element('div', {}, this.sites(profile, `What ${kind} code holds`, false, this.suspectColumns(profile)),
          element('p', { className: 'commands' }, element('button', { type: 'button', onclick: () => this.go({ flame: kind }) }, 'Flame graph'), ' ',
            element('a', { href: this.profileUrl({ kind, at: profile.to }), download: '' }, 'Download the profile'), ' ',
            commandLine(`heapwatch pprof -top '${this.profileUrl({ kind, at: profile.to })}'`)));
      }),
      ...(suspects.profiles.length === 0 ? [element('p', { className: 'none' }, 'No profile was kept of this process. heapwatch exec or the URL of its Go pages gives the check memory some.')] : []));
  }

  profileUrl(parameters) {
    return new URL('api/v1/' + this.address('profile', parameters), location.href.split('#')[0]).href;
  }

  async showFlame(growth) {
    const kind = this.query.get('flame');
    if (!kind) {
      this.parts.flame.replaceChildren();
      this.flameOf = null;
      return;
    }
    const chosenMoments = this.moments();
    // The difference of a profile to itself would tell nothing.
    const moments = chosenMoments && growth.profiles.some(profile => profile.kind === kind) ? chosenMoments : null;
    const at = chosenMoments ? chosenMoments[1] : this.memory.to;
    const newest = this.memory.profiles.reduce((time, profile) => profile.kind === kind ? profile.time : time, 0);
    const chosen = [kind, newest, ...(moments || [])].join();
    if (this.flameOf === chosen) return;
    const which = { kind, at: Math.round(at), ...(moments ? { base: moments[0] } : {}) };
    const data = await ask(this.address('profile', { ...which, format: 'flame' }));
    const isNew = !this.flameOf;
    const area = element('div');
    this.parts.flame.replaceChildren(element('div', { className: 'commands' }, element('h2', {}, moments ? `Flame graph of the difference, ${kind}` : `Flame graph, ${kind}`),
      element('button', { type: 'button', onclick: () => this.go({ flame: null }) }, 'Close'), ' ',
      element('a', { href: this.profileUrl({ ...which, format: 'html' }), download: `flame-${kind}.html` }, 'Save as one HTML file'), ' ',
      element('a', { href: this.profileUrl(which), download: '' }, 'Download')),
      ...(chosenMoments && !moments ? [element('p', { className: 'hint' }, 'One profile was kept near both moments: this is what it holds, not what changed.')] : []), area);
    showFlame(area, data, { command: name => `heapwatch pprof -peek '${flameQuoted(name)}' '${this.profileUrl(which)}'` });
    if (isNew) this.parts.flame.scrollIntoView();
    this.flameOf = chosen;
  }

  showEvents() {
    this.parts.events.replaceChildren(...eventList(this.memory.events));
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
