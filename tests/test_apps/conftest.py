"""A browser."""

import html
import json
import re
import shutil
import subprocess

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None
)
OPTIONS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']

# A page around the page: its script may look into the frame, and is not bound by its policy.
FRAME = """<!DOCTYPE html><iframe width="%d" height="900"></iframe><pre></pre><script>
const frame = document.querySelector('iframe');
frame.onload = async () => {
  const page = frame.contentDocument, find = (selector) => page.querySelector(selector);
  const texts = (selector) => [...page.querySelectorAll(selector)].map((one) => one.textContent);
  const refused = [];
  page.addEventListener('securitypolicyviolation', ({effectiveDirective}) => {
    refused.push(effectiveDirective);
  });
  const result = await (async () => {%s})();
  document.querySelector('pre').textContent = JSON.stringify(result);
};
frame.srcdoc = %s;
</script>"""


@pytest.fixture
def in_browser(tmp_path):
    """Opens a page in a Chromium, and returns what a script in JavaScript returns of it.

    The script has ``page``, the document; ``find``, its querySelector; ``texts`` of all elements
    that a selector selects; and ``refused``, what the page's security policy did not let in.
    """
    if CHROMIUM is None:
        pytest.skip('no Chromium (on Debian: apt-get install chromium)')

    def run(page, script, width=1600, budget=5000):
        quoted = json.dumps(page).replace('<', '\\u003c')
        (tmp_path / 'frame.html').write_text(FRAME % (width, script, quoted))
        options = [*OPTIONS, f'--user-data-dir={tmp_path / "profile"}', '--dump-dom']
        command = [CHROMIUM, *options, f'--virtual-time-budget={budget}', tmp_path / 'frame.html']
        shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
        result = re.search('<pre>(.+)</pre>', shown)
        assert result, shown[-2000:]
        return json.loads(html.unescape(result[1]))

    return run
