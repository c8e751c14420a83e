// The lists: processes, programs scraped by their expvars, and heapwatch's own checks.
'use strict';

function lifeAddress(life, span) {
  return '?' + new URLSearchParams({ ...(life.pid ? { pid: life.pid } : {}), ...(life.ended || !life.pid ? { life: life.life } : {}), span });
}

/// What a life is called and where it is shown.
function lifeLink(life, span) {
  return element('a', { href: lifeAddress(life, span) }, life.name);
}

function present(value, show) {
  return value === null || value === undefined ? '–' : show(value);
}

const nameColumn = (title, span) => ({ title, of: life => lifeLink(life, span), key: life => life.name });

const lists = {
  processes: {
    title: 'Processes',
    caption: span => `Processes that were watched in the last ${text.span(span)}`,
    none: 'Nothing was watched in this time. The check memory (conf.d/memory.d) chooses processes.',
    by: 4,
    row: (row, process) => { if (process.verdict) row.className = process.verdict.verdict; },
    columns: span => [
      nameColumn('Process', span),
      { title: 'PID', number: true, of: process => process.pid ? String(process.pid) : '–', key: process => process.pid },
      { title: 'Service', room: 'name', of: process => process.service, key: process => process.service },
      { title: 'RSS', number: true, of: process => text.bytes(process.rss_bytes), key: process => process.rss_bytes },
      { title: 'Growth', number: true, of: process => text.rate(process.growth_bytes_per_hour), key: process => process.growth_bytes_per_hour },
      { title: 'Over time', of: process => sparkline(process.times, process.rss) },
      { title: 'Verdict', room: 'text', of: process => process.ended ? `ended ${text.time(process.ended)} ${process.how}` : process.verdict ? process.verdict.sentence : '–',
        key: process => process.verdict ? process.verdict.sentence : '' },
    ],
  },
  targets: {
    title: 'Targets',
    caption: span => `Programs whose expvars were read in the last ${text.span(span)}`,
    none: 'No program was scraped in this time. The check go_expvar (conf.d/go_expvar.d) chooses them.',
    by: 3,
    row: (row, target) => { if (target.up === false) row.className = 'down'; },
    columns: span => [
      nameColumn('Target', span),
      { title: 'Up', of: target => present(target.up, up => up ? 'yes' : 'no'), key: target => String(target.up) },
      { title: 'Heap', number: true, of: target => text.bytes(target.heap_bytes), key: target => target.heap_bytes },
      { title: 'Growth', number: true, of: target => text.rate(target.growth_bytes_per_hour), key: target => target.growth_bytes_per_hour },
      { title: 'Heap over time', of: target => sparkline(target.times, target.columns.heap_alloc || []) },
      { title: 'Goroutines', number: true, of: target => present(target.goroutines, text.count), key: target => target.goroutines },
      { title: 'GC pauses', number: true, of: target => text.count(target.gc.pauses), key: target => target.gc.pauses },
      { title: 'Paused', number: true, of: target => text.duration(target.gc.total_ns), key: target => target.gc.total_ns },
      { title: 'Longest', number: true, of: target => text.duration(target.gc.longest_ns), key: target => target.gc.longest_ns },
      { title: 'Scrapes', number: true, of: target => text.count(target.scrapes.runs), key: target => target.scrapes.runs },
      { title: 'Errors', number: true, of: target => text.count(target.scrapes.errors), key: target => target.scrapes.errors },
      { title: 'Per scrape', number: true, of: target => text.duration(target.scrapes.time_ns_mean), key: target => target.scrapes.time_ns_mean },
    ],
  },
  checks: {
    title: 'Checks',
    caption: span => `Checks that ran in the last ${text.span(span)}, with what their runs left behind`,
    none: 'No check ran in this time.',
    by: 7,
    row: (row, check) => { if (check.kept.some(kept => kept.verdict === 'leak')) row.className = 'leak'; },
    columns: span => [
      nameColumn('Check', span),
      { title: 'Runs', number: true, of: check => text.count(check.runs), key: check => check.runs },
      { title: 'Errors', number: true, of: check => text.count(check.errors), key: check => check.errors },
      { title: 'Warnings', number: true, of: check => text.count(check.warnings), key: check => check.warnings },
      { title: 'Skipped', number: true, of: check => text.count(check.skipped), key: check => check.skipped },
      { title: 'Per run', number: true, of: check => text.duration(check.run_time_ns_mean), key: check => check.run_time_ns_mean },
      keptColumn('native', 'Kept in native memory'),
      keptColumn('python', 'Kept in Python'),
      { title: 'Last error', room: 'text', of: check => check.last_error || '–', key: check => check.last_error },
      { title: 'Verdict', room: 'text', of: check => keptSentences(check), key: keptSentences },
    ],
  },
};

/// What runs keep in one memory: in all, per run and over time.
function keptColumn(space, title) {
  const kept = check => check.kept.find(one => one.space === space) || { bytes: null, bytes_per_run: null };
  return { title, of: check => kept(check).bytes === null ? '–' : element('span', { className: 'trend' }, sparkline(check.times, check.columns[space] || []), ' ',
    element('span', {}, text.bytes(kept(check).bytes), element('br'), present(kept(check).bytes_per_run, value => text.change(Math.round(value)) + ' per run'))),
  key: check => kept(check).bytes_per_run };
}

function keptSentences(check) {
  return check.kept.filter(kept => kept.verdict).map(kept => `${kept.space}: ${kept.sentence || kept.verdict}`).join(' · ') || '–';
}

class ListView {
  /// `page` knows the present; `name` is that of the list, and of its page of the API.
  constructor(page, name) {
    this.page = page;
    this.name = name;
    this.list = lists[name];
    this.page.main.replaceChildren(element('h1', {}, this.list.title));
  }

  async refresh({ span, to }) {
    const { list, name, page } = this;
    const answer = await ask(`${name}?from=${to - span}&to=${to}`);
    page.learn(answer);
    page.shows({ [name]: answer });
    document.title = `${list.title} – heapwatch`;
    const items = answer[name];
    const parts = [element('h1', {}, list.title)];
    if (answer.trouble) parts.push(element('p', { className: 'trouble' }, 'History stands still: ' + answer.trouble));
    parts.push(items.length > 0 ? sortedTable(list.columns(span), items, { caption: list.caption(span), by: this.by ?? list.by, down: this.down, row: list.row,
      sorted: (by, down) => { this.by = by; this.down = down; } }) : element('p', { className: 'none' }, list.none));
    if (name === 'processes' && answer.can_watch) parts.push(this.watchForm());
    parts.push(element('p', { className: 'hint' }, element('a', { href: `api/v1/${name}?from=${to - span}&to=${to}` }, 'The same as JSON'),
      ...(page.hasExport ? [' · ', element('a', { href: `api/v1/export?from=${to - span}&to=${to}`, download: 'incident.tar' }, 'Save this time as a file'),
        ' that heapwatch web opens elsewhere'] : [])));
    const scroll = window.scrollY;
    page.main.replaceChildren(...parts);
    window.scrollTo(0, scroll);
  }

  /// Starts to watch a process that no configuration names.
  watchForm() {
    if (this.form) return this.form; // with what was typed
    const pid = element('input', { id: 'watch-pid', type: 'text', inputMode: 'numeric', pattern: '[0-9]+', required: true, size: 9 });
    const answer = element('span', { role: 'status' });
    this.form = element('form', { className: 'watch', onsubmit: async event => {
      event.preventDefault();
      const reply = await fetch(`api/v1/watch/${pid.value}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
      answer.textContent = reply.ok ? `${(await reply.json()).name} is watched from now on.` : (await reply.text()).trim();
    } }, element('label', {}, 'Watch the process with PID ', pid), ' ', element('button', { type: 'submit' }, 'Watch'), ' ', answer);
    return this.form;
  }
}
