// Numbers, times and elements as the page shows them, and answers of the API.
'use strict';

const text = {
  /// Bytes with one decimal, in powers of 1024.
  bytes(value) {
    if (value === null || value === undefined) return '–';
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let size = Math.abs(value);
    let unit = 0;
    while (size >= 1023.95 && unit + 1 < units.length) {
      size /= 1024;
      unit++;
    }
    return (value < 0 ? '−' : '') + (unit === 0 ? Math.round(size) : size.toFixed(1)) + ' ' + units[unit];
  },

  change(value) {
    return (value > 0 ? '+' : '') + text.bytes(value);
  },

  /// Bytes an hour, by the minute where that is easier to read.
  rate(perHour) {
    if (perHour === null || perHour === undefined) return '–';
    return Math.abs(perHour) >= 60 * 1024 * 1024 ? text.change(perHour / 60) + '/min' : text.change(perHour) + '/h';
  },

  count(value) {
    return value === null || value === undefined ? '–' : value.toLocaleString();
  },

  /// Nanoseconds as a time that is easy to read.
  duration(ns) {
    if (ns === null || ns === undefined) return '–';
    const units = [['s', 1e9], ['ms', 1e6], ['µs', 1e3]];
    for (const [name, size] of units) if (ns >= size) return (ns / size).toFixed(ns >= 100 * size ? 0 : 1) + ' ' + name;
    return Math.round(ns) + ' ns';
  },

  percent(part, whole) {
    return whole === 0 ? '–' : (100 * part / whole).toFixed(1) + ' %';
  },

  time(ms) {
    return new Date(ms).toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' });
  },

  span(ms) {
    const units = [['d', 86400e3], ['h', 3600e3], ['min', 60e3], ['s', 1e3]];
    for (const [name, size] of units) if (ms >= 2 * size || name === 's') return Math.round(ms / size) + ' ' + name;
    return '';
  },

  /// At least so many seconds.
  age(seconds) {
    return seconds === null || seconds === undefined ? '–' : seconds === 0 ? '< 1 s' : '≥ ' + text.span(seconds * 1000);
  },

  /// How much is how old.
  ages(ages) {
    return ages.map(age => `${text.bytes(age.bytes)} ${text.age(age.seconds)}`).join(', ');
  },

  place(frame) {
    return frame.file ? frame.file.replace(/^.*\//, '') + (frame.line ? ':' + frame.line : '') : '';
  },
};

function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === 'data') Object.assign(made.dataset, value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

/// A table: `columns` are {title, of(item), number, key, room}, `room` for long texts (text) and short ones (name). Its rows are sorted by a click on a title, of which `sorted` is told.
function sortedTable(columns, items, options) {
  const body = element('tbody');
  let by = options.by;
  let descending = options.down ?? true;
  const fill = () => {
    const column = columns[by];
    const sorted = [...items];
    if (column.key) {
      sorted.sort((a, b) => {
        const [left, right] = [column.key(a), column.key(b)];
        const order = typeof left === 'string' ? left.localeCompare(right) : (left ?? -Infinity) - (right ?? -Infinity);
        return descending ? -order : order;
      });
    }
    body.replaceChildren(...sorted.map(item => {
      const row = element('tr', {}, ...columns.map(c => element('td', { className: c.number ? 'number' : c.room || '' }, c.of(item))));
      if (options.row) options.row(row, item);
      return row;
    }));
    heads.forEach((head, i) => head.setAttribute('aria-sort', i !== by ? 'none' : descending ? 'descending' : 'ascending'));
  };
  const heads = columns.map((column, i) => {
    const head = element('th', { scope: 'col', className: column.number ? 'number' : '' });
    if (!column.key) {
      head.append(column.title);
      return head;
    }
    head.append(element('button', { type: 'button', onclick() {
      descending = by === i ? !descending : true;
      by = i;
      if (options.sorted) options.sorted(by, descending);
      fill();
    } }, column.title));
    return head;
  });
  const table = element('table', {}, element('caption', {}, options.caption), element('thead', {}, element('tr', {}, ...heads)), body);
  fill();
  return element('div', { className: 'wide', tabIndex: 0, role: 'region', 'aria-label': options.caption }, table);
}

/// An answer of the API; an error has the server's sentence.
async function ask(path) {
  const answer = await fetch('api/v1/' + path, { headers: { Accept: 'application/json' } });
  if (!answer.ok) throw new Error((await answer.text()).trim() || 'the agent answered ' + answer.status);
  return answer.json();
}

/// A command, and a button that copies it.
function commandLine(command) {
  return element('span', { className: 'command' }, element('code', {}, command), ' ',
    element('button', { type: 'button', title: 'Copy the command', 'aria-label': `Copy the command ${command}`, onclick: event => flameCopy(event.currentTarget, command) }, 'Copy'));
}

/// A small line of values, for a table.
function sparkline(times, values) {
  const box = { width: 120, height: 24 };
  const present = values.filter(value => value !== null);
  const picture = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  picture.setAttribute('viewBox', `0 0 ${box.width} ${box.height}`);
  picture.setAttribute('class', 'spark');
  picture.setAttribute('role', 'img');
  picture.setAttribute('aria-label', present.length < 2 ? 'too few values' : `from ${text.bytes(present[0])} to ${text.bytes(present[present.length - 1])}`);
  if (present.length < 2) return picture;
  const [least, greatest] = [Math.min(...present), Math.max(...present)];
  const room = Math.max(greatest - least, greatest * 0.02, 1);
  const [first, last] = [times[0], times[times.length - 1]];
  const points = [];
  values.forEach((value, i) => {
    if (value === null) return;
    const x = (times[i] - first) / Math.max(last - first, 1) * (box.width - 2) + 1;
    points.push(x.toFixed(1) + ',' + (box.height - 2 - (value - least) / room * (box.height - 4)).toFixed(1));
  });
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  line.setAttribute('points', points.join(' '));
  picture.append(line);
  return picture;
}
