// Numbers, names and colours as flame graphs show them.
'use strict';

/// `value` of `unit` as pprof writes it.
function flameText(value, unit) {
  const families = {
    bytes: [['B', 1], ['kB', 1024], ['MB', 2 ** 20], ['GB', 2 ** 30], ['TB', 2 ** 40], ['PB', 2 ** 50]],
    nanoseconds: [['ns', 1], ['us', 1e3], ['ms', 1e6], ['s', 1e9], ['hrs', 3600e9]],
  };
  const factors = { microseconds: 1e3, milliseconds: 1e6, seconds: 1e9 };
  let family = families[unit];
  if (factors[unit]) {
    family = families.nanoseconds;
    value *= factors[unit];
  }
  if (!family) return String(value) + (!unit || unit === 'count' ? '' : ' ' + unit);
  let [name, factor] = family[0];
  for (const [larger, size] of family) if (Math.abs(value) >= size) [name, factor] = [larger, size];
  const digits = (value / factor).toFixed(2).replace(/\.00$/, '');
  return digits === '0' ? '0' : digits + name;
}

/// The same with a sign, for what changed.
function flameChange(value, unit) {
  return value > 0 ? '+' + flameText(value, unit) : value < 0 ? '\u2212' + flameText(-value, unit) : '0';
}

function flamePercent(part, whole) {
  const ratio = whole === 0 ? 0 : Math.abs(part / whole) * 100;
  return (ratio >= 99.95 ? 100 : ratio >= 1 ? ratio.toFixed(2) : Number(ratio.toPrecision(2))) + '%';
}

/// The name without the folders of Go's packages.
function flameShort(name) {
  const match = /^(?:[\w\-.~]+\/)+([\w\-.]+\..*)$/.exec(name);
  return match ? match[1] : name;
}

/// A regular expression that this name alone matches.
function flameQuoted(name) {
  return `^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;
}

/// The package, module or namespace that a function belongs to; of plain C its file.
function flamePackage(name, file) {
  const go = /^((?:[\w\-.~]+\/)*[\w\-~]+)\.[\w(*]/.exec(name);
  if (go && !name.includes('::')) return go[1];
  const scope = /^(?:[\w:<>,*& ]+ )?([A-Za-z_]\w*)(?:<.*?>)?::/.exec(name);
  if (scope) return scope[1] + '::';
  return file || name;
}

/// The space that code runs in, as its name and its file tell: go, python or native.
function flameSpace(name, file) {
  if (/\.(pyx?|pyi)$/.test(file) || file.startsWith('<frozen ')) return 'python';
  if (/\.(go|s)$/.test(file) || (/^(?:[\w\-.~]+\/)*[\w\-~]+\.[\w(*]/.test(name) && !/\.(c|cc|cpp|cxx|h|hh|hpp|rs)$/.test(file) && file === '')) return 'go';
  return 'native';
}

const flameSpaceHues = { go: 199, native: 28, python: 262 };

/// A colour: its hue is the package's or the space's, its lightness the function's.
function flameColor(name, file, by) {
  const own = flameHash(name);
  const hue = by === 'space' ? flameSpaceHues[flameSpace(name, file)] : Math.round(flameHash(flamePackage(name, file)) * 137.508 % 360);
  return `hsl(${hue} ${58 + own % 17}% ${70 + (own >>> 5) % 11}%)`;
}

/// Of a difference: orange grew, blue shrank. The strong part is the net share, the pale one what grew and shrank alike.
const flameChangeColors = {
  grew: { strong: '#f0a04b', pale: '#fbe6cf' }, shrank: { strong: '#79b2ee', pale: '#dcebfb' }, same: { strong: '#d5d9e0', pale: '#e7e9ed' },
};

function flameChangeOf(box) {
  const change = box.gained - box.lost;
  const width = box.gained + box.lost;
  return { ...flameChangeColors[change > 0 ? 'grew' : change < 0 ? 'shrank' : 'same'], share: width === 0 ? 0 : Math.abs(change) / width,
    sign: change > 0 ? '+' : change < 0 ? '\u2212' : '\u00b1' };
}

function flameElement(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/// The expression in a search box, or null where there is none or a wrong one, which is shown.
function flamePattern(input) {
  input.classList.remove('bad');
  if (input.value === '') return null;
  try {
    return new RegExp(input.value, /[A-Z]/.test(input.value) ? '' : 'i');
  } catch (error) {
    input.classList.add('bad');
    return null;
  }
}

/// Puts a text where others can paste it, and says so on the button that was pressed.
function flameCopy(button, text) {
  const told = button.textContent;
  const tell = answer => {
    button.textContent = answer;
    setTimeout(() => { button.textContent = told; }, 1500);
  };
  if (navigator.clipboard) {
    navigator.clipboard.writeText(text).then(() => tell('Copied'), () => tell('Not allowed'));
    return;
  }
  // Pages that came without TLS from elsewhere have no clipboard, but may copy what is selected.
  const area = flameElement('textarea', { value: text });
  document.body.append(area);
  area.select();
  tell(document.execCommand('copy') ? 'Copied' : 'Not allowed');
  area.remove();
}
