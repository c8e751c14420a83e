// The pages of heapwatch pprof in a real browser: they open, search, zoom and switch what is measured, and nothing overlaps.
// node pprof_pages_test.mjs HEAPWATCH GO_TARGET; HEAPWATCH_SCREENSHOTS=folder keeps what was seen.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

const require = createRequire(new URL('../../pprof/web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const [program, goTarget] = process.argv.slice(-2);
const folder = mkdtempSync(path.join(tmpdir(), 'heapwatch-pages-'));
const shots = process.env.HEAPWATCH_SCREENSHOTS || folder;
const environment = { ...process.env, PPROF_TMPDIR: folder, HOME: folder, XDG_CONFIG_HOME: folder, NO_COLOR: '1' };
let go, server, browser, page, site, profile;
const complaints = [];

/// Starts a program and resolves to the first match of `pattern` in what it says.
function start(command, args, pattern) {
  const child = spawn(command, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
  const said = new Promise((resolve, reject) => {
    let text = '';
    const read = chunk => {
      text += chunk;
      const match = pattern.exec(text);
      if (match) resolve(match[1]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', code => reject(new Error(`${command} ended with ${code}: ${text}`)));
  });
  return { child, said };
}

function heapwatch(...args) {
  const done = spawnSync(program, ['pprof', ...args], { env: environment, encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return done;
}

before(async () => {
  go = start(goTarget, [], /(http:\S+)/);
  const target = await go.said;
  for (let i = 0; i < 24; i++) await (await fetch(`${target}/hold`)).text();
  await (await fetch(`${target}/gc`)).text();
  profile = path.join(folder, 'heap.pb.gz');
  heapwatch('save', `${target}/debug/pprof/heap`, '-o', profile);
  server = start(program, ['pprof', '-no_browser', '-http=localhost:0', profile], /Serving web UI on (\S+)/);
  site = await server.said;
  browser = await chromium.launchPersistentContext(path.join(folder, 'browser'), {
    executablePath: '/usr/bin/chromium', headless: true, viewport: { width: 1280, height: 800 },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  page = await browser.newPage();
  page.on('console', message => { if (message.type() === 'error') complaints.push(message.text()); });
  page.on('pageerror', error => complaints.push(String(error)));
});

after(async () => {
  if (browser) await browser.close();
  for (const started of [server, go]) {
    if (!started) continue;
    started.said.catch(() => {});
    started.child.kill();
  }
  rmSync(folder, { recursive: true, force: true });
});

const shoot = name => page.screenshot({ path: path.join(shots, `${name}.png`) });
/// Takes the mouse off the boxes, which are told of while it is over them.
const stepAside = () => page.mouse.move(2, 2);
const boxes = () => page.locator('.flame-box').count();

/// Boxes that share a place on the screen, of those that match the selector.
function overlaps(selector) {
  return page.evaluate(wanted => {
    const shown = [...document.querySelectorAll(wanted)].map(one => ({ text: one.textContent, box: one.getBoundingClientRect() }))
      .filter(one => one.box.width > 0);
    const found = [];
    for (let i = 0; i < shown.length; i++) {
      for (let j = i + 1; j < shown.length; j++) {
        const [a, b] = [shown[i].box, shown[j].box];
        if (a.left + 0.5 < b.right && b.left + 0.5 < a.right && a.top + 0.5 < b.bottom && b.top + 0.5 < a.bottom) {
          found.push(`${shown[i].text} / ${shown[j].text}`);
        }
      }
    }
    return found;
  }, selector);
}

async function checkFlameGraph(name) {
  assert.ok(await boxes() > 5);
  assert.deepEqual(await overlaps('.flame-box'), []);
  await shoot(name);
  const small = await page.evaluate(() => [...document.querySelectorAll('.flame-box')].filter(box => box.textContent &&
    parseFloat(getComputedStyle(box).fontSize) < 11).length);
  assert.equal(small, 0, 'text that is too small to read');

  const search = page.locator('#search, #flame-search').first();
  await search.fill('main\\.main');
  assert.match(await page.locator('#flame-found').textContent(), /^\d+ box( matches|es match): [\d.]+[kM]?B, [\d.]+%$/);
  assert.ok(await page.locator('.flame-box.found').count() > 0);
  await shoot(`${name}-search`);
  await search.fill('(');
  assert.equal(await page.locator('.flame-box.found').count(), 0);
  await search.fill('');

  const all = await boxes();
  const narrow = page.locator('.flame-box').filter({ hasText: 'main.main.func' }).first();
  const width = (await narrow.boundingBox()).width;
  await narrow.click();
  const zoomed = page.locator('.flame-box:not(.above)').filter({ hasText: 'main.main.func' }).first();
  const full = (await page.locator('#flame-rows').boundingBox()).width;
  assert.ok(Math.abs((await zoomed.boundingBox()).width - full) < 3);
  assert.ok(width <= full);
  assert.ok(await page.locator('.flame-box.above').count() > 0);
  assert.match(await page.locator('#flame-about').textContent(), /main\.main\.func\d/);
  await shoot(`${name}-zoom`);
  await page.keyboard.press('Escape');
  assert.equal(await boxes(), all);
  assert.equal(await page.locator('#flame-reset').isDisabled(), true);
}

test('the server leads to a flame graph that searches and zooms', async () => {
  await page.goto(site);
  assert.equal(page.url(), `${site}/ui/flamegraph`);
  await checkFlameGraph('flamegraph');
  await page.goto(`${site}/ui/flamegraph?p=main\\.main\\.func`);
  assert.match(await page.locator('#flame-about').textContent(), /^main\.main\.func\d/);
  assert.deepEqual(await overlaps('#bar a, #bar select, #bar input, #bar button, #bar .brand'), []);
});

test('keys move through the flame graph, zoom and show all again', async () => {
  await page.goto(`${site}/ui/flamegraph`);
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  await page.locator('.flame-box').first().focus();
  assert.match(await focused(), /^all, [\d.]+[kM]B$/);
  await page.keyboard.press('ArrowDown');
  const below = await focused();
  assert.match(below, /^(?!all).+, [\d.]+[kM]B$/);
  assert.ok(below.startsWith(await page.locator('#flame-about b').textContent()));
  await page.keyboard.press('ArrowRight');
  const beside = await focused();
  assert.notEqual(beside, below);
  await page.keyboard.press('ArrowLeft');
  assert.equal(await focused(), below);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  assert.equal(await focused(), beside);
  assert.equal(await page.locator('.flame-box.above').count(), 1);
  await page.keyboard.press('ArrowUp');
  assert.match(await focused(), /^all, /);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.flame-box.above').count(), 0);
  assert.equal(await page.locator('.flame-box[tabindex="0"]').count(), 1);
});

test('choosing a sample type shows the page for it', async () => {
  await page.goto(`${site}/ui/flamegraph`);
  await page.selectOption('#sample', 'alloc_objects');
  await page.waitForURL('**/ui/flamegraph?si=alloc_objects');
  await stepAside();
  assert.equal(await page.locator('#sample').inputValue(), 'alloc_objects');
  assert.match(await page.locator('#flame-about').textContent(), /alloc_objects/);
  assert.doesNotMatch(await page.locator('#flame-about').textContent(), /[kM]B/);
  await page.getByRole('link', { name: 'Top', exact: true }).click();
  assert.equal(page.url(), `${site}/ui/top?si=alloc_objects`);
});

test('the table sorts, searches and refines', async () => {
  await page.goto(`${site}/ui/top`);
  const names = () => page.locator('#rows tbody tr td:last-child').allTextContents();
  const before = await names();
  assert.ok(before.length > 3);
  await page.getByRole('columnheader', { name: 'Name' }).click();
  assert.deepEqual(await names(), [...before].sort((a, b) => (a.replace(/ \(.*inline\)$/, '') < b.replace(/ \(.*inline\)$/, '') ? -1 : 1)));
  await page.locator('#search').fill('runtime');
  assert.ok(await page.locator('tr.found').count() > 0);
  await page.locator('#search').fill('');
  await page.locator('#rows tbody tr').filter({ hasText: 'main.main.func' }).first().click();
  assert.match(await page.locator('#search').inputValue(), /^\^main\\\.main\\\.func\d+\$$/);
  await shoot('top');
  await page.getByRole('button', { name: 'Focus' }).click();
  await page.waitForURL(/[?&]f=/);
  assert.match(await page.locator('.legend').textContent(), /focus=\^main/);
  assert.match(await page.locator('.chip').textContent(), /^focus=\^main/);
  await page.locator('.chip button').click();
  await page.waitForURL(`${site}/ui/top`);
  assert.deepEqual(await names(), before);
});

test('the graph is drawn in the browser, its texts inside their boxes', async () => {
  await page.goto(`${site}/ui/graph`);
  await page.waitForSelector('body[data-ready=graph]');
  const outside = await page.evaluate(() => [...document.querySelectorAll('#graph g.node')].flatMap(node => {
    const frame = node.querySelector('polygon').getBBox();
    return [...node.querySelectorAll('text')].filter(text => {
      const box = text.getBBox();
      return box.x < frame.x - 1 || box.x + box.width > frame.x + frame.width + 1;
    }).map(text => text.textContent);
  }));
  assert.deepEqual(outside, []);
  assert.deepEqual(await overlaps('#graph g.node'), []);
  const place = () => page.locator('#graph svg').evaluate(svg => svg.style.transform);
  const at = await place();
  await page.locator('#graph').hover();
  await page.mouse.wheel(0, -300);
  await page.waitForFunction(old => document.querySelector('#graph svg').style.transform !== old, at);
  await page.locator('#search').fill('main.main');
  assert.ok(await page.locator('g.node.found').count() > 0);
  await shoot('graph');
});

test('peek and source show what the expression names', async () => {
  await page.goto(`${site}/ui/peek`);
  await page.locator('form.pattern input').fill('main.main.func');
  await page.locator('form.pattern button').click();
  await page.waitForURL(/[?&]f=/);
  assert.match(await page.locator('pre.text').textContent(), /\| main\.main\.func\d/);
  await shoot('peek');
  await page.getByRole('link', { name: 'Source' }).click();
  assert.match(await page.locator('pre.text').textContent(), /ROUTINE =+ main\.main\.func\d/);
  await shoot('source');
});

test('a wrong expression is told on the page, where it can be put right', async () => {
  const complained = complaints.length;
  await page.goto(`${site}/ui/source?f=nothing_has_this_name`);
  assert.equal(await page.getByRole('alert').textContent(), 'no matches found for regexp: nothing_has_this_name');
  await page.locator('form.pattern input').fill('main.main.func');
  await page.keyboard.press('Enter');
  await page.waitForURL(/f=main/);
  assert.match(await page.locator('pre.text').textContent(), /ROUTINE =+ main\.main\.func\d/);
  await page.goto(`${site}/ui/top?i=(`);
  assert.match(await page.getByRole('alert').textContent(), /^parsing ignore regexp: /);
  await page.locator('.chip button').click();
  await page.waitForURL(`${site}/ui/top`);
  assert.equal(await page.getByRole('alert').count(), 0);
  for (const told of complaints.splice(complained)) assert.match(told, /400 \(Bad Request\)/);
});

test('the table is worked with keys', async () => {
  await page.goto(`${site}/ui/top`);
  await page.getByRole('columnheader', { name: 'Name' }).focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('th[aria-sort=ascending]').textContent(), 'Name');
  const names = await page.locator('#rows tbody tr td:last-child').allTextContents();
  assert.ok(names[0] < names.at(-1));
  await page.locator('#rows tbody tr').nth(1).focus();
  await page.keyboard.press(' ');
  assert.equal(await page.locator('#rows tbody tr').nth(1).getAttribute('class'), 'chosen');
  assert.notEqual(await page.locator('#search').inputValue(), '');
});

test('pages are readable in the dark, and on narrow screens', async () => {
  const light = color => color.match(/\d+/g).slice(0, 3).map(Number).map(part => part / 255)
    .map(part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)).reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const name of ['flamegraph', 'top', 'peek?f=main', 'graph']) {
      await page.goto(`${site}/ui/${name}`);
      await shoot(`${name.split('?')[0]}-${colorScheme}`);
      const seen = await page.evaluate(() => [...document.querySelectorAll('body, #bar a, #bar button, #bar select, #bar input, .legend, th, td, pre, .flame-box')].map(one => {
        let behind = one;
        while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)' && behind.parentElement) behind = behind.parentElement;
        return { what: `${one.tagName} ${one.className} ${one.textContent.slice(0, 30)}`, ink: getComputedStyle(one).color, paper: getComputedStyle(behind).backgroundColor };
      }));
      assert.equal(light(seen[0].paper) < 0.1, colorScheme === 'dark');
      for (const { what, ink, paper } of seen) {
        const [darker, lighter] = [light(ink), light(paper)].sort((a, b) => a - b);
        assert.ok((lighter + 0.05) / (darker + 0.05) >= 4.5, `${name} ${colorScheme}: ${what}: ${ink} on ${paper}`);
      }
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize({ width: 400, height: 700 });
  for (const name of ['flamegraph', 'top', 'peek?f=main', 'graph']) {
    await page.goto(`${site}/ui/${name}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, name);
    assert.deepEqual(await overlaps('#bar a, #bar select, #bar input, #bar button, #bar .brand'), []);
    await shoot(`${name.split('?')[0]}-narrow`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
});

test('options are saved under a name, chosen and deleted', async () => {
  await page.goto(`${site}/ui/top?n=2&sort=cum`);
  const shown = () => page.locator('#rows tbody tr').count();
  assert.equal(await shown(), 2);
  page.once('dialog', dialog => dialog.accept('two by cum'));
  await Promise.all([page.waitForEvent('load'), page.locator('#save').click()]);
  await page.goto(`${site}/ui/top`);
  assert.ok(await shown() > 2);
  await page.selectOption('#config', { label: 'two by cum' });
  await page.waitForURL(`${site}/ui/top?n=2&sort=cum`);
  assert.equal(await shown(), 2);
  page.once('dialog', dialog => dialog.accept('two by cum'));
  await Promise.all([page.waitForEvent('load'), page.locator('#delete').click()]);
  assert.deepEqual(await page.locator('#config option').allTextContents(), ['Config', 'Default']);
});

test('the flame graph in a file needs nobody, and has every sample type', async () => {
  const file = path.join(folder, 'flame.html');
  heapwatch('-flame', `-output=${file}`, profile);
  const asked = [];
  page.on('request', request => asked.push(request.url()));
  await page.goto(`file://${file}`);
  await checkFlameGraph('flame-file');
  assert.deepEqual(await page.locator('#flame-type option').allTextContents(),
    ['inuse_space', 'alloc_objects', 'alloc_space', 'inuse_objects']);
  await stepAside();
  const space = await page.locator('#flame-about').textContent();
  await page.selectOption('#flame-type', 'alloc_objects');
  const objects = await page.locator('#flame-about').textContent();
  assert.notEqual(objects, space);
  assert.match(objects, /^all \d+ \(100% of all\)alloc_objects$/);
  assert.deepEqual(asked, [`file://${file}`]);
});

test('what is too narrow to be drawn is hatched, and comes nearer with clicks', async () => {
  const text = path.join(folder, 'wide.txt');
  let stacks = 'goroutine profile: total 6000\n';
  for (let i = 0; i < 3000; i++) stacks += `2 @ 0x${(4096 + i * 16).toString(16)}\n#\t0x${(4095 + i * 16).toString(16)}\tmain.wide${i}+0x0\t/src/wide.go:${i + 1}\n\n`;
  writeFileSync(text, stacks);
  const file = path.join(folder, 'wide.html');
  heapwatch('-flame', `-output=${file}`, text);
  await page.goto(`file://${file}`);
  assert.equal(await boxes(), 1);
  await page.locator('.flame-rest.nearer').click();
  assert.ok(await boxes() > 20);
  assert.deepEqual(await overlaps('.flame-box'), []);
  await page.locator('.flame-box[aria-label^="main.wide"]').nth(5).click();
  assert.match(await page.locator('#flame-about').textContent(), /^main\.wide\d+ 2 \(0\.033% of all\)/);
  await page.locator('#flame-reset').click();
  assert.equal(await boxes(), 1);
});

test('a difference shows what grew and what shrank', async () => {
  const file = path.join(folder, 'diff.html');
  heapwatch('-flame', `-diff_base=${profile}`, `-output=${file}`, profile);
  await page.goto(`file://${file}`);
  await stepAside();
  await page.waitForFunction(() => /^all 0 .*\+[\d.]+MB \u2212[\d.]+MB/.test(document.getElementById('flame-about').textContent));
});

test('the picture of the graph can be zoomed', async () => {
  const file = path.join(folder, 'graph.svg');
  heapwatch('-svg', `-output=${file}`, profile);
  await page.goto(`file://${file}`);
  const place = () => page.evaluate(() => document.getElementById('viewport').getAttribute('transform'));
  const at = await place();
  assert.match(at, /^translate\(/);
  await page.mouse.move(600, 300);
  await page.mouse.wheel(0, -200);
  await page.waitForFunction(old => document.getElementById('viewport').getAttribute('transform') !== old, at);
  await shoot('svg');
});

test('no page complained', () => assert.deepEqual(complaints, []));
