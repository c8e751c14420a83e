"""A real browser for the tests of pages: Debian's Chromium, driven by Selenium."""
import base64
import json
import pathlib
import re
import shutil
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from agent import wait_until

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--lang=en-US")

# The boxes, of those that match a selector, that share a place on the screen.
_OVERLAPS = """
const shown = [...document.querySelectorAll(arguments[0])].map(one => ({ text: one.textContent, box: one.getBoundingClientRect() }))
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
"""

# Texts whose colour is too near to that behind them, by the web's rules for contrast (WCAG 2.1, 1.4.3).
_LOW_CONTRAST = """
const parts = color => {
  const numbers = (color.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 };
};
const over = (top, below) => top.rgb.map((value, i) => value * top.alpha + below[i] * (1 - top.alpha));
const luminance = rgb => rgb.map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
  .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
const behind = element => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const style = getComputedStyle(at);
    layers.push(parts(style.backgroundColor));
    if (parts(style.backgroundColor).alpha === 1) break;
  }
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  return layers.reverse().reduce((below, layer) => over(layer, below), dark ? [0, 0, 0] : [255, 255, 255]);
};
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const text = walk.currentNode.textContent.trim();
  const element = walk.currentNode.parentElement;
  if (!text || element.closest('script, style, noscript, [hidden], :disabled, [aria-hidden=true]') || !element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  const size = parseFloat(style.fontSize);
  const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  const paper = behind(element);
  const [darker, lighter] = [luminance(over(parts(style.color), paper)), luminance(paper)].sort((a, b) => a - b);
  const ratio = (lighter + 0.05) / (darker + 0.05);
  if (ratio < least) found.push(`${text.slice(0, 40)}: ${style.color} on ${paper.map(Math.round)} is ${ratio.toFixed(2)}`);
}
return found;
"""

# What people who do not see the page are not told: controls without a name, tables without a title, ids that are there twice.
_UNNAMED = """
const name = one => one.getAttribute('aria-label') || (one.labels && [...one.labels].map(label => label.textContent).join('')) ||
  one.textContent || one.getAttribute('title') || '';
const told = one => one.outerHTML.slice(0, 120);
const found = [];
for (const one of document.querySelectorAll('a[href], button, input, select, textarea, summary, [role=button], [role=region], [role=img], nav, iframe')) {
  if (one.checkVisibility() && !name(one).trim()) found.push(`no name: ${told(one)}`);
}
for (const one of document.querySelectorAll('img:not([alt])')) found.push(`no alt: ${told(one)}`);
for (const one of document.querySelectorAll('table')) {
  if (!(one.caption && one.caption.textContent.trim()) && !one.hasAttribute('aria-label')) found.push(`no title: ${told(one)}`);
  for (const head of one.querySelectorAll('th:not([scope])')) found.push(`no scope: ${told(head)}`);
}
const ids = [...document.querySelectorAll('[id]')].filter(one => !one.closest('svg')).map(one => one.id);
for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) found.push(`twice: ${id}`);
if (!document.documentElement.lang) found.push('no language');
if (!document.title) found.push('no title');
return found;
"""


class Browser:
    """One window. What a page complains of, and what it asks for, is kept."""

    def __init__(self, width=1280, height=800, shots=None):
        self._folder = tempfile.mkdtemp(prefix="heapwatch-browser-")
        self._shots = pathlib.Path(shots or self._folder)
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for flag in (*_FLAGS, f"--user-data-dir={self._folder}/profile"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.set_capability("unhandledPromptBehavior", "ignore")
        try:
            self._driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.resize(width, height)

    @property
    def folder(self):
        """What is in it goes with the browser."""
        return self._folder

    def close(self):
        self._driver.quit()
        shutil.rmtree(self._folder, ignore_errors=True)

    def resize(self, width, height):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, color_scheme):
        """`light`, `dark`, or an empty text for the system's own."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": color_scheme}])

    def command(self, name, **arguments):
        return self._driver.execute_cdp_cmd(name, arguments)

    def open(self, url):
        self._driver.get(url)

    @property
    def url(self):
        return self._driver.current_url

    def script(self, text, *arguments):
        return self._driver.execute_script(text, *arguments)

    def later(self, text, *arguments):
        """What the script gives to the function that is its last argument."""
        self._driver.set_script_timeout(120)
        return self._driver.execute_async_script(text, *arguments)

    def shoot(self, name):
        self._driver.save_screenshot(str(self._shots / f"{name}.png"))

    def picture(self, scale):
        """The window as a PNG, made smaller."""
        size = self.script("return [innerWidth, innerHeight]")
        answer = self.command("Page.captureScreenshot", format="png", clip={"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": scale})
        return base64.b64decode(answer["data"])

    def low_contrast(self):
        return self.script(_LOW_CONTRAST)

    def unnamed(self):
        return self.script(_UNNAMED)

    def back(self):
        self._driver.back()

    def drag(self, element, x, by):
        """Drags inside an element: from `x`, `by` pixels, both from its middle."""
        ActionChains(self._driver).move_to_element_with_offset(element, x, 0).click_and_hold().move_by_offset(by, 0).release().perform()

    def all(self, selector):
        return self._driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        """The first that matches."""
        return self._driver.find_element(By.CSS_SELECTOR, selector)

    def count(self, selector):
        return self.script("return document.querySelectorAll(arguments[0]).length", selector)

    def text(self, selector):
        """The text of the first that matches, also of what is not on the screen."""
        return self.script("return document.querySelector(arguments[0]).textContent", selector)

    def texts(self, selector):
        return self.script("return [...document.querySelectorAll(arguments[0])].map(one => one.textContent)", selector)

    def value(self, selector):
        return self.one(selector).get_property("value")

    def with_text(self, selector, text):
        """The first that matches and holds the text."""
        found = self.script("return [...document.querySelectorAll(arguments[0])].find(one => one.textContent.includes(arguments[1]))",
                            selector, text)
        assert found, f"nothing that matches {selector} holds {text}"
        return found

    def named(self, selector, name):
        """The one that matches whose text is the name."""
        found = [one for one in self.all(selector) if one.text == name]
        assert len(found) == 1, f"{len(found)} of {selector} are named {name}"
        return found[0]

    def fill(self, selector, text):
        """Replaces what a box holds, as typing does."""
        box = self.one(selector)
        box.clear()
        if text:
            box.send_keys(text)
        else:
            self.script("arguments[0].dispatchEvent(new Event('input', { bubbles: true }))", box)

    def press(self, key):
        ActionChains(self._driver).send_keys(key).perform()

    def focus(self, element):
        self.script("arguments[0].focus()", element)

    def choose(self, selector, text):
        """Chooses the option with this text, and goes on when the page asks for another for it."""
        Select(self.one(selector)).select_by_visible_text(text)

    def answer(self, text):
        """Answers what the page asks."""
        prompt = wait_until(self._prompt, "the page to ask")
        prompt.send_keys(text)
        prompt.accept()

    def _prompt(self):
        try:
            return self._driver.switch_to.alert
        except Exception:  # Selenium has one for each way of not being there
            return None

    def reloaded_by(self, act):
        """Acts, and waits until the page has come anew."""
        self.script("window.isOld = true")
        act()
        wait_until(lambda: self.script("return !window.isOld && document.readyState === 'complete'"), "the page to come anew")

    def wait_for_url(self, pattern):
        """Waits for an address in which the expression is found, and its page."""
        wait_until(lambda: re.search(pattern, self.url) and self.script("return document.readyState") == "complete",
                   f"an address like {pattern}")

    def wait_for(self, script, *arguments):
        return wait_until(lambda: self.script(script, *arguments), script)

    def move_mouse(self, x, y):
        self.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def turn_wheel(self, x, y, by):
        ActionChains(self._driver).scroll_from_origin(ScrollOrigin.from_viewport(x, y), 0, by).perform()

    def overlaps(self, selector):
        return self.script(_OVERLAPS, selector)

    def complaints(self):
        """What pages complained of since this was asked last."""
        return [entry["message"] for entry in self._driver.get_log("browser") if entry["level"] == "SEVERE"]

    def requests(self):
        """The URLs that were asked for since this was asked last."""
        messages = [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        return [message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"]
