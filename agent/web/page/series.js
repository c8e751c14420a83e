// A target or a check over time: its series as charts, with a table of the same numbers.
'use strict';

/// Running totals, which are shown as what came in each interval.
const runningTotals = new Set(['runs', 'errors', 'warnings', 'skipped', 'run_time_ns', 'gc_pauses', 'gc_pause_ns', 'scrapes']);

/// Series that are drawn in one chart, and how their values are written.
const seriesGroups = [
  { title: 'Memory', of: name => /^heap_|_bytes$|^(native|python|rss|swap|limit|working_set)$/.test(name), show: value => text.bytes(value) },
  { title: 'Times', of: name => /_ns$/.test(name), show: value => text.duration(value) },
  { title: 'Counts', of: () => true, show: value => text.count(value) },
];

const seriesColors = ['#2f6fd6', '#d9730d', '#7d5bd6', '#1f8a70', '#b3456f', '#6b7280', '#8a6d1f', '#3b82a0'];

class SeriesView {
  constructor(page) {
    this.page = page;
    this.head = element('section', { id: 'head' });
    this.charts = element('section', { id: 'charts' });
    this.events = element('section', { id: 'events' });
    page.main.replaceChildren(this.head, this.charts, this.events);
    this.graphs = [];
    this.drawings = []; // that are done once their places are on the page
  }

  show(memory) {
    this.page.shows({ memory });
    document.title = `${memory.name} – heapwatch`;
    this.head.replaceChildren(element('h1', {}, memory.name), element('p', { className: 'facts' }, [memory.kind === 'target' ? `scraped by ${memory.service}` : memory.kind,
      memory.ended ? `ended ${text.time(memory.ended)} ${memory.how}` : `since ${text.time(memory.started || memory.first)}`].filter(Boolean).join(' · ')));
    for (const graph of this.graphs) graph.destroy();
    this.graphs = [];
    const left = memory.series.filter(one => one.last.some(value => value !== null));
    const parts = [];
    for (const group of seriesGroups) {
      const chosen = left.filter(one => group.of(one.name));
      for (const one of chosen) left.splice(left.indexOf(one), 1);
      if (chosen.length > 0) parts.push(...this.group(group, chosen, memory));
    }
    this.charts.replaceChildren(...(parts.length > 0 ? parts : [element('p', { className: 'none' }, 'Nothing was measured in this time.')]));
    for (const draw of this.drawings.splice(0)) draw();
    this.events.replaceChildren(...eventList(memory.events));
  }

  group(group, series, memory) {
    const area = element('div', { className: 'chart small', role: 'img', 'aria-label': `${group.title} over time; the table has the numbers` });
    const values = element('div', { className: 'values', role: 'status' });
    const lanes = series.map(one => runningTotals.has(one.name) ? SeriesView.steps(one.last) : one.last);
    const labels = series.map(one => one.name + (runningTotals.has(one.name) ? ' per interval' : ''));
    this.drawings.push(() => {
      const data = withGaps(memory.times, i => lanes.map(lane => lane[i]));
      this.graphs.push(new Dygraph(area, data, { labels: ['time', ...labels], colors: seriesColors, strokeWidth: 1.5, connectSeparatedPoints: true, legend: 'never',
        includeZero: true, axes: { y: { axisLabelFormatter: group.show, axisLabelWidth: 72 } }, axisLineColor: 'transparent', gridLineColor: 'rgba(128, 128, 128, 0.25)',
        dateWindow: [memory.from, memory.to], interactionModel: {},
        highlightCallback: (_event, x) => {
          const row = memory.times.indexOf(x);
          if (row >= 0) values.textContent = text.time(memory.times[row]) + ': ' + labels.map((label, i) => `${label} ${present(lanes[i][row], group.show)}`).join(' · ');
        },
        unhighlightCallback: () => { values.textContent = ''; } }));
    });
    const table = sortedTable([
      { title: 'Series', of: one => element('span', { className: 'key' }, SeriesView.swatch(one.color), one.name), key: one => one.name },
      { title: 'First', number: true, of: one => present(one.first, group.show), key: one => one.first },
      { title: 'Last', number: true, of: one => present(one.end, group.show), key: one => one.end },
      { title: 'Least', number: true, of: one => present(one.least, group.show), key: one => one.least },
      { title: 'Greatest', number: true, of: one => present(one.greatest, group.show), key: one => one.greatest },
    ], series.map((_one, i) => ({ name: labels[i], color: seriesColors[i % seriesColors.length], ...summary(lanes[i]) })), { caption: `${group.title} in the time shown`, by: 2 });
    return [element('h2', {}, group.title), area, values, table];
  }

  static swatch(color) {
    const made = element('span', { className: 'swatch' });
    made.style.background = color;
    return made;
  }

  /// What came in each interval; a total that starts anew says nothing of one.
  static steps(totals) {
    let before = null;
    return totals.map(value => {
      if (value === null) return null;
      const step = before === null || value < before ? null : value - before;
      before = value;
      return step;
    });
  }
}

/// The first, the last, the least and the greatest of the values that were measured.
function summary(values) {
  const measured = values.filter(value => value !== null && value !== undefined);
  const edge = choose => measured.length === 0 ? null : measured.reduce(choose);
  return { first: measured.length > 0 ? measured[0] : null, end: measured.length > 0 ? measured[measured.length - 1] : null,
    least: edge((a, b) => Math.min(a, b)), greatest: edge((a, b) => Math.max(a, b)) };
}

function eventList(all) {
  const events = [...all].reverse().slice(0, 50);
  return [element('h2', {}, 'Events'), ...(events.length === 0 ? [element('p', { className: 'none' }, 'None in this time.')] : [
    element('ul', {}, ...events.map(event => element('li', {}, element('time', { dateTime: new Date(event.time).toISOString() }, text.time(event.time)), ` ${event.kind}: ${event.text}`)))])];
}
