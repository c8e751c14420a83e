"""A real browser for the tests of pages: Debian's Chromium, driven by Selenium."""
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
          "--disable-component-update", "--disable-sync", "--hide-scrollbars")

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

    def shoot(self, name):
        self._driver.save_screenshot(str(self._shots / f"{name}.png"))

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
