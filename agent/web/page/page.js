// What is shown is what the URL says: ?pid=, ?life=, ?span=, ?end=, ?from= and ?until= (the two moments), ?flame=.
'use strict';

const spans = [['15 min', 900e3], ['1 h', 3600e3], ['6 h', 21600e3], ['1 d', 86400e3], ['14 d', 14 * 86400e3], ['1 y', 365 * 86400e3]];
const pollMs = 5000;

class Page {
  constructor() {
    this.main = document.getElementById('main');
    this.state = document.getElementById('state');
    this.view = null;
    this.working = false;
    this.open();
    window.addEventListener('popstate', () => this.open());
    setInterval(() => {
      const isPaused = document.getElementById('pause').checked || document.hidden || this.query.get('end') || this.main.contains(document.activeElement) && document.activeElement.tagName === 'SELECT';
      if (!isPaused) this.refresh();
    }, pollMs);
  }

  open() {
    this.query = new URLSearchParams(location.search);
    this.view = null;
    this.showSpans();
    this.refresh();
  }

  /// Changes the selection; null takes a part out.
  go(changes) {
    const names = { from: 'from', to: 'until' };
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) this.query.delete(names[name] || name);
      else this.query.set(names[name] || name, value);
    }
    window.history.pushState(null, '', '?' + this.query);
    const isOther = 'pid' in changes || 'life' in changes || 'span' in changes || 'end' in changes;
    if (isOther) this.view = null;
    this.showSpans();
    this.refresh();
  }

  range() {
    return { span: Number(this.query.get('span')) || 3600e3, to: this.query.get('end') ? Number(this.query.get('end')) : null };
  }

  showSpans() {
    const { span } = this.range();
    document.getElementById('ranges').replaceChildren(...spans.map(([name, length]) =>
      element('button', { type: 'button', 'aria-pressed': String(span === length), onclick: () => this.go({ span: length }) }, name)));
  }

  async refresh() {
    if (this.working) {
      this.again = true;
      return;
    }
    this.working = true;
    try {
      if (this.query.get('pid') || this.query.get('life')) {
        if (!(this.view instanceof ProcessView)) this.view = new ProcessView(this.main, this.query, changes => this.go(changes));
        await this.view.refresh(this.range());
      } else {
        await this.processes();
      }
      this.state.textContent = '';
    } catch (error) {
      this.state.textContent = error.message;
    }
    this.working = false;
    if (this.again) {
      this.again = false;
      this.refresh();
    }
  }

  async processes() {
    const { span, to } = this.range();
    const end = to === null ? Date.now() : to;
    const answer = await ask(`processes?from=${end - span}&to=${end}`);
    document.title = 'heapwatch';
    const open = process => '?' + new URLSearchParams({ pid: process.pid, ...(process.ended || !process.pid ? { life: process.life } : {}), span });
    const table = sortedTable([
      { title: 'Process', of: process => element('a', { href: open(process) }, process.name), key: process => process.name },
      { title: 'PID', number: true, of: process => process.pid ? String(process.pid) : '–', key: process => process.pid },
      { title: 'Service', of: process => process.service, key: process => process.service },
      { title: 'RSS', number: true, of: process => text.bytes(process.rss_bytes), key: process => process.rss_bytes },
      { title: 'Growth', number: true, of: process => text.rate(process.growth_bytes_per_hour), key: process => process.growth_bytes_per_hour },
      { title: 'Over time', of: process => sparkline(process.times, process.rss) },
      { title: 'Verdict', of: process => process.ended ? `ended ${text.time(process.ended)} ${process.how}` : process.verdict ? process.verdict.sentence : '–',
        key: process => process.verdict ? process.verdict.sentence : '' },
    ], answer.processes, { caption: `Processes that were watched in the last ${text.span(span)}`, by: 4,
      row: (row, process) => { if (process.verdict) row.className = process.verdict.verdict; } });
    const scroll = window.scrollY;
    this.main.replaceChildren(element('h1', {}, 'Processes'),
      ...(answer.trouble ? [element('p', { className: 'trouble' }, 'History stands still: ' + answer.trouble)] : []),
      answer.processes.length > 0 ? table : element('p', { className: 'none' }, 'Nothing was watched in this time. The check memory (conf.d/memory.d) chooses processes.'));
    window.scrollTo(0, scroll);
  }
}

new Page();
