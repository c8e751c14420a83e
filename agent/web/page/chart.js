// The picture of a process over time: rows that are stacked, the line of RSS that they meet, and events.
'use strict';

/// Colours of the spaces that people without red or green tell apart; rows of a space are shades.
const spaceColors = {
  go: [199, 70], native: [28, 85], python: [262, 45], stacks: [330, 55], files: [90, 25], shared: [60, 35],
  own: [0, 0], other: [210, 12], unexplained: [0, 65],
};
const gapSteps = 5;   // so many times as far apart as most frames are,
const gapMs = 90_000; // and at least so far: nobody measured between two frames

const stateLightness = { live: 42, dead: 50, held: 62, overhead: 70, mapped: 56 };

function rowColor(row) {
  const [hue, saturation] = spaceColors[row.space] || [0, 0];
  return `hsl(${hue} ${saturation}% ${stateLightness[row.state] || 55}%)`;
}

function rowName(row) {
  return row.owner && row.owner !== row.space ? `${row.space} ${row.owner} ${row.state}` : `${row.space} ${row.state}`;
}

/// The numbers of the chart as a table, for who cannot see it.
function chartTable(rows, times) {
  return sortedTable([
    { title: 'Row', of: row => row.name, key: row => row.name },
    { title: 'First', number: true, of: row => text.bytes(row.first), key: row => row.first },
    { title: 'Last', number: true, of: row => text.bytes(row.end), key: row => row.end },
    { title: 'Least', number: true, of: row => text.bytes(row.least), key: row => row.least },
    { title: 'Greatest', number: true, of: row => text.bytes(row.greatest), key: row => row.greatest },
  ], rows.map(row => ({ name: rowName(row), ...summary(row.bytes) })), { caption: times.length === 0 ? 'Nothing was measured'
    : `Rows of the memory from ${text.time(times[0])} to ${text.time(times[times.length - 1])}`, by: 2 });
}

/// The lines of a chart: `line(i)` are the values at times[i]. Where nobody measured there is one of no numbers, which nothing is
/// drawn across.
function withGaps(times, line) {
  const steps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  const longest = Math.max((steps[Math.floor(steps.length / 2)] || 0) * gapSteps, gapMs);
  return times.flatMap((time, i) => {
    const here = [new Date(time), ...line(i)];
    const isGap = i > 0 && time - times[i - 1] > longest;
    return isGap ? [[new Date((time + times[i - 1]) / 2), ...here.slice(1).map(() => NaN)], here] : [here];
  });
}

class MemoryChart {
  /// `chosen(from, to)` is told the two moments that were brushed.
  constructor(chosen) {
    this.chosen = chosen;
    this.area = element('div', { className: 'chart', role: 'img' });
    this.legend = element('div', { className: 'legend' });
    this.values = element('div', { className: 'values', role: 'status' });
    this.numbers = element('details', { className: 'numbers', ontoggle: () => this.showNumbers() }, element('summary', {}, 'The chart as a table'));
    this.hidden = new Set();
    this.selected = null;
  }

  /// The rows that are drawn, the ones below first; those that never reach a part of a percent are one.
  static arrange(rows) {
    const order = Object.keys(spaceColors);
    const most = row => row.bytes.reduce((a, b) => Math.max(a, b || 0), 0);
    const largest = Math.max(...rows.map(most), 1);
    const kept = rows.filter(row => most(row) >= largest / 200);
    const small = rows.filter(row => most(row) < largest / 200);
    kept.sort((a, b) => order.indexOf(a.space) - order.indexOf(b.space) || most(b) - most(a));
    if (small.length > 0) {
      const bytes = small[0].bytes.map((_, i) => small.some(row => row.bytes[i] !== null)
        ? small.reduce((sum, row) => sum + (row.bytes[i] || 0), 0) : null);
      kept.push({ space: 'other', owner: `${small.length} small rows`, state: 'together', bytes });
    }
    return kept;
  }

  show(memory) {
    this.memory = memory;
    this.rows = MemoryChart.arrange(memory.rows);
    this.showLegend();
    this.showNumbers();
    this.draw();
  }

  showNumbers() {
    const [title] = this.numbers.children;
    const rss = this.memory.series.find(one => one.name === 'rss');
    const line = rss ? [{ space: 'RSS', state: 'as the kernel counts it', bytes: rss.last }] : [];
    this.numbers.replaceChildren(title, ...(this.numbers.open ? [chartTable([...line, ...this.memory.rows], this.memory.times)] : []));
  }

  shown() {
    return this.rows.filter(row => !this.hidden.has(rowName(row)));
  }

  showLegend() {
    this.legend.replaceChildren(...this.rows.map(row => {
      const name = rowName(row);
      const box = element('input', { type: 'checkbox', 'aria-label': `Show ${name}`, checked: !this.hidden.has(name), onchange: () => {
        if (!this.hidden.delete(name)) this.hidden.add(name);
        this.draw();
      } });
      const alone = element('button', { type: 'button', title: 'Show this row alone', onclick: () => {
        const isAlone = this.shown().length === 1 && this.shown()[0] === row;
        this.hidden = new Set(isAlone ? [] : this.rows.filter(other => other !== row).map(rowName));
        this.showLegend();
        this.draw();
      } }, name);
      const swatch = element('span', { className: 'swatch' });
      swatch.style.background = rowColor(row);
      return element('span', { className: 'key' }, box, swatch, alone);
    }));
  }

  /// The lines of the chart.
  data(rows, rss) {
    return withGaps(this.memory.times, i => {
      const line = [];
      let sum = 0;
      const isMeasured = rows.some(row => row.bytes[i] !== null);
      for (const row of rows) {
        sum += row.bytes[i] || 0;
        line.push(isMeasured ? sum : null);
      }
      line.push(this.hidden.size === 0 && rss ? rss.last[i] : null);
      return line;
    });
  }

  draw() {
    const { series } = this.memory;
    const rows = this.shown();
    const data = this.data(rows, series.find(one => one.name === 'rss'));
    const options = {
      labels: ['time', ...rows.map(rowName), 'RSS'],
      series: Object.fromEntries([...rows.map((row, i) => [rowName(row), { plotter: this.stack(i, rowColor(row)) }]),
        ['RSS', { strokeWidth: 2, color: getComputedStyle(document.documentElement).getPropertyValue('--ink').trim() || '#000' }]]),
      connectSeparatedPoints: true,
      includeZero: true,
      labelsKMG2: true,
      axes: { y: { axisLabelFormatter: value => text.bytes(value), axisLabelWidth: 72 } },
      axisLineColor: 'transparent',
      gridLineColor: 'rgba(128, 128, 128, 0.25)',
      legend: 'never',
      highlightCircleSize: 2,
      interactionModel: this.brush(),
      highlightCallback: (_event, x) => this.tell(this.memory.times.indexOf(x)),
      unhighlightCallback: () => this.values.replaceChildren(),
      underlayCallback: (context, area, graph) => this.drawMoments(context, area, graph),
    };
    this.area.setAttribute('aria-label', `Memory from ${text.time(this.memory.from)} to ${text.time(this.memory.to)}; the table behind it has the numbers`);
    if (data.length === 0) {
      if (this.graph) this.graph.destroy();
      this.graph = null;
      this.area.replaceChildren(element('p', { className: 'none' }, 'Nothing was measured in this time.'));
      return;
    }
    if (this.graph) {
      this.graph.updateOptions({ file: data, ...options, dateWindow: [this.memory.from, this.memory.to] });
      return;
    }
    this.area.replaceChildren();
    this.graph = new Dygraph(this.area, data, { ...options, dateWindow: [this.memory.from, this.memory.to] });
  }

  /// Fills between the sum of the rows up to this one and the sum below it, from gap to gap.
  stack(place, color) {
    return plot => {
      let first = 0;
      plot.points.forEach((point, i) => {
        const isGap = Number.isNaN(point.yval);
        if (isGap || i + 1 === plot.points.length) this.fill(plot, place, color, first, isGap ? i : i + 1);
        if (isGap) first = i + 1;
      });
    };
  }

  fill(plot, place, color, first, end) {
    const context = plot.drawingContext;
    const measured = points => points.slice(first, end).filter(point => !Number.isNaN(point.canvasy) && point.yval !== null);
    const upper = measured(plot.points);
    if (upper.length === 0) return;
    const floor = plot.plotArea.y + plot.plotArea.h;
    const lower = place === 0 ? [] : measured(plot.allSeriesPoints[place - 1]);
    context.beginPath();
    context.moveTo(upper[0].canvasx, upper[0].canvasy);
    for (const point of upper) context.lineTo(point.canvasx, point.canvasy);
    if (place === 0) {
      context.lineTo(upper[upper.length - 1].canvasx, floor);
      context.lineTo(upper[0].canvasx, floor);
    } else {
      for (let i = lower.length; i-- > 0;) context.lineTo(lower[i].canvasx, lower[i].canvasy);
    }
    context.closePath();
    context.fillStyle = color;
    context.fill();
  }

  /// Events, and the two moments that are compared.
  drawMoments(context, area, graph) {
    const line = (time, color, width) => {
      const x = graph.toDomXCoord(time);
      if (x < area.x || x > area.x + area.w) return;
      context.fillStyle = color;
      context.fillRect(x - width / 2, area.y, width, area.h);
    };
    if (this.selected) {
      const [from, to] = this.selected.map(time => graph.toDomXCoord(time));
      context.fillStyle = 'rgba(37, 99, 201, 0.14)';
      context.fillRect(Math.min(from, to), area.y, Math.abs(to - from), area.h);
      for (const time of this.selected) line(time, '#2563c9', 2);
    }
    for (const event of this.memory.events) line(event.time, event.kind === 'verdict' ? '#c2410c' : 'rgba(128, 128, 128, 0.7)', 1.5);
  }

  select(from, to) {
    this.selected = from === null ? null : [from, to];
    if (this.graph) this.graph.updateOptions({});
  }

  /// A drag chooses two moments.
  brush() {
    let begin = null;
    const time = (event, graph) => graph.toDataXCoord(graph.eventToDomCoords(event)[0]);
    return {
      mousedown: (event, graph) => {
        begin = time(event, graph);
        event.preventDefault();
        const moved = move => this.select(Math.min(begin, time(move, graph)), Math.max(begin, time(move, graph)));
        const over = up => {
          window.removeEventListener('mousemove', moved);
          const end = time(up, graph);
          if (Math.abs(graph.toDomXCoord(end) - graph.toDomXCoord(begin)) < 4) {
            this.chosen(null, null);
          } else {
            this.chosen(Math.round(Math.min(begin, end)), Math.round(Math.max(begin, end)));
          }
        };
        window.addEventListener('mousemove', moved);
        window.addEventListener('mouseup', over, { once: true });
      },
    };
  }

  tell(place) {
    if (place < 0) return; // where nothing was measured
    const { times, series } = this.memory;
    const rss = series.find(one => one.name === 'rss');
    const parts = this.shown().filter(row => row.bytes[place] !== null)
      .map(row => [rowName(row), row.bytes[place]]).sort((a, b) => b[1] - a[1]).slice(0, 6)
      .map(([name, bytes]) => `${name} ${text.bytes(bytes)}`);
    if (rss && rss.last[place] !== null) parts.unshift('RSS ' + text.bytes(rss.last[place]));
    this.values.textContent = text.time(times[place]) + ': ' + parts.join(' · ');
  }
}
