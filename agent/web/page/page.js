// What is shown is what the URL says: ?view= (targets, checks), ?pid=, ?life=, ?span=, ?end=, ?from= and ?until= (the two moments),
// ?flame=, and behind the '#' what is chosen in the flame graph.
'use strict';

const spans = [['15 min', 900e3], ['1 h', 3600e3], ['6 h', 21600e3], ['1 d', 86400e3], ['14 d', 14 * 86400e3], ['1 y', 365 * 86400e3]];
const pollMs = 5000;

class Page {
  constructor() {
    this.main = document.getElementById('main');
    this.state = document.getElementById('state');
    this.view = null;
    this.working = false;
    this.clock = null;  // the present of who answers, and ours when it was told
    this.isLive = true;
    this.hasExport = false;
    this.answers = {};
    document.getElementById('save').onclick = () => {
      const name = document.title.replace(/[^\w.-]+/g, '-').replace(/^-|-$/g, '');
      saveAsFile(`${name}.html`, savedPage(this.answers), 'text/html');
    };
    this.open();
    window.addEventListener('popstate', () => {
      if (location.search !== this.shown) this.open(); // else the flame graph alone has changed
    });
    setInterval(() => {
      const isBusy = this.main.contains(document.activeElement) && ['SELECT', 'INPUT'].includes(document.activeElement.tagName);
      const isPaused = document.getElementById('pause').checked || document.hidden || this.query.get('end') || !this.isLive || isBusy;
      if (!isPaused) this.refresh();
    }, pollMs);
  }

  open() {
    this.query = new URLSearchParams(location.search);
    this.view = null;
    this.showChoices();
    this.refresh();
  }

  /// Changes the selection; null takes a part out. `inFlame`: what is to be chosen in the flame graph.
  go(changes, inFlame = '') {
    const names = { from: 'from', to: 'until' };
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) this.query.delete(names[name] || name);
      else this.query.set(names[name] || name, value);
    }
    const isSameFlame = this.query.get('flame') && !('flame' in changes);
    window.history.pushState(null, '', '?' + this.query + (inFlame ? '#' + inFlame : isSameFlame ? location.hash : ''));
    if (inFlame) window.dispatchEvent(new HashChangeEvent('hashchange')); // for a graph that is there already
    if (['pid', 'life', 'span', 'end', 'view'].some(name => name in changes)) this.view = null;
    this.showChoices();
    this.refresh();
  }

  /// What an answer says of the present. A file of an incident stands still at its end.
  learn(answer) {
    this.clock = { theirs: answer.clock ?? Date.now(), ours: Date.now() };
    this.isLive = answer.live !== false;
    this.hasExport = typeof answer.clock === 'number';
    document.getElementById('pause').parentElement.hidden = !this.isLive;
  }

  now() {
    if (this.clock === null) return Date.now();
    return this.isLive ? this.clock.theirs + Date.now() - this.clock.ours : this.clock.theirs;
  }

  /// What is shown is made of these answers.
  shows(answers) {
    this.answers = answers;
  }

  range() {
    const end = Number(this.query.get('end')) || null;
    return { span: Number(this.query.get('span')) || 3600e3, to: end === null ? this.now() : end, isPresent: end === null };
  }

  showChoices() {
    this.shown = location.search;
    const { span } = this.range();
    document.getElementById('ranges').replaceChildren(...spans.map(([name, length]) =>
      element('button', { type: 'button', 'aria-pressed': String(span === length), onclick: () => this.go({ span: length }) }, name)));
    const isList = !this.query.get('pid') && !this.query.get('life');
    document.getElementById('views').replaceChildren(...Object.entries(lists).map(([name, list]) => {
      const query = new URLSearchParams({ ...(name === 'processes' ? {} : { view: name }), ...(this.query.get('span') ? { span } : {}) });
      const link = element('a', { href: '?' + query }, list.title);
      if (isList && name === this.list()) link.setAttribute('aria-current', 'page');
      return link;
    }));
  }

  list() {
    return lists[this.query.get('view')] ? this.query.get('view') : 'processes';
  }

  async refresh() {
    if (this.working) {
      this.again = true;
      return;
    }
    this.working = true;
    try {
      if (this.clock === null) this.learn(await ask('processes?from=0&to=0'));
      if (this.query.get('pid') || this.query.get('life')) {
        if (!(this.view instanceof ProcessView)) this.view = new ProcessView(this, this.query, (changes, inFlame) => this.go(changes, inFlame));
      } else if (!(this.view instanceof ListView) || this.view.name !== this.list()) {
        this.view = new ListView(this, this.list());
      }
      await this.view.refresh(this.range());
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
}

new Page();
