"""The page of a fill, looked at by a browser: Debian's chromium with its driver, where they are installed."""

import html
import json
import re
import shutil
import time
import zlib
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from known_objects import faceted
from scipy.ndimage import binary_dilation, binary_erosion

from braggfill import InputError, evaluate, fill_gaps, retrieve
from braggfill.crystal.retrieved_object import RetrievedObject
from braggfill.filling.options import FillOptions
from braggfill.reports.webpage import draw_pictures, judge, write_report
from braggfill.simulation.scans import one_thread

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="module")
def result(scan, cross):
    wide = cross.copy()
    wide[48:] = True
    return fill_gaps(scan.counts, wide, method="linear")


@pytest.fixture(scope="module")
def path(tmp_path_factory, result):
    path = tmp_path_factory.mktemp("page") / "S<1>.html"
    record = {"command": "braggfill fill 'S<1>.npz'", "configuration": {"method": "linear"}}
    write_report(path, result, "S<1>.npz", record, baselines=("nearest",))
    return path


class Outline(HTMLParser):
    """Which elements are opened and not closed, and what they fetch."""

    VOID = ("meta", "link", "input", "br", "img")

    def __init__(self):
        super().__init__()
        self.open, self.fetched = [], []

    def handle_starttag(self, tag, attributes):
        self.fetched += [v for n, v in attributes if n in ("src", "href", "action")]
        self.open += [tag] * (tag not in self.VOID)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def stored(path):
    return json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', path.read_text(), re.S)[1])


def test_the_page_is_whole_and_fetches_nothing(path):
    outline = Outline()
    outline.feed(path.read_text())
    assert outline.open == []
    assert outline.fetched[0] == "data:,"
    assert all(address.startswith("data:image/png;base64,") for address in outline.fetched[1:])
    assert "{{" not in path.read_text()
    assert "S&lt;1&gt;.npz" in path.read_text()
    assert "<1>" not in path.read_text()


def test_its_data_are_the_scan_on_a_logarithmic_scale(path, result):
    data = stored(path)
    levels, state, relative = (
        np.frombuffer(zlib.decompress(b64decode(data[n])), np.uint8) for n in ("levels", "state", "relative")
    )
    levels, state = levels.reshape(data["shape"]), state.reshape(data["shape"])
    np.testing.assert_array_equal(state == 1, result.filled)
    np.testing.assert_array_equal(state == 2, result.mask)
    np.testing.assert_array_equal(levels == 0, result.intensity == 0)
    shown = np.where(levels, (levels - 1.0) / (data["steps"] - 1) * np.log1p(data["largest"]), 0)
    assert np.abs(shown - np.log1p(result.intensity)).max() <= 0.51 / (data["steps"] - 1) * np.log1p(data["largest"])
    spread = np.minimum(result.std / np.maximum(result.intensity, 1e-12), data["largestRelative"])[result.filled]
    np.testing.assert_allclose(relative / 255 * data["largestRelative"], spread, atol=data["largestRelative"] / 500)


def test_the_page_shows_the_self_test_and_a_crystal_that_was_retrieved(tmp_path, path, result):
    assert path.read_text().count('<img class="picture"') == 1  # what was hidden, what came back, pulls
    assert "The crystal" not in path.read_text()
    with one_thread():
        found = retrieve(
            result.intensity, result.mask, filled=result.filled, std=result.std, starts=1, keep=1, coherence="full",
            schedule=(("hio", 3), ("er", 2)), device="cpu",
        )  # fmt: skip
    write_report(tmp_path / "a.html", result, "a.npz", self_test=False, crystal=found)
    text = (tmp_path / "a.html").read_text()
    assert text.count('<img class="picture"') == 1
    assert html.escape(f"{found.options.treatment}: {found.summary}") in text
    assert "No start converged" in text  # after five iterations


def test_the_page_shows_the_crystal_that_a_fill_comes_from(tmp_path, result):
    crystal = faceted((20, 20, 20), 5.0, phase=0.5).astype(np.complex64)
    behind = RetrievedObject(crystal, np.abs(crystal) > 0.1, (40, 45, 48))
    write_report(tmp_path / "a.html", replace(result, crystal=behind), "a.npz", self_test=False)
    text = (tmp_path / "a.html").read_text()
    assert "The crystal behind the fill" in text
    assert "40 × 45 × 48" in text
    assert f"{np.count_nonzero(behind.support):,} voxels" in text
    assert text.count('<img class="picture"') == 1


def test_a_scan_too_large_for_a_page_is_shown_in_fewer_frames(result):
    limit = len(draw_pictures(result).levels) // 4
    drawn = draw_pictures(result, limit)
    assert len(drawn.levels) <= limit
    assert drawn.every > 1
    assert drawn.shape == result.intensity[:: drawn.every].shape
    assert len(zlib.decompress(drawn.levels)) == np.prod(drawn.shape)


def test_the_self_test_judges_the_fill_that_the_page_shows(scan, cross):
    plain, sliding = (judge(fill_gaps(scan.counts, cross, method="unet", skip=skip), ("linear",)) for skip in (None, 8))
    assert plain.filled.shape == sliding.filled.shape
    assert not np.array_equal(plain.filled, sliding.filled)
    known = evaluate(np.where(cross, 0, scan.counts), cross, baselines=("linear",), fill=FillOptions(skip=8))
    np.testing.assert_allclose(sliding.filled, known.filled, rtol=1e-5)


def test_a_scan_without_room_for_a_self_test_says_so(tmp_path):
    counts, mask = np.ones((4, 8, 8)), np.zeros((8, 8))
    mask[2:6] = 1
    result = fill_gaps(counts, mask, method="nearest")
    write_report(tmp_path / "a.html", result, "a.npz")
    assert "no self-test of this scan" in (tmp_path / "a.html").read_text()
    with pytest.raises(InputError, match="cannot be written"):
        write_report(tmp_path / "nowhere" / "a.html", result, "a.npz", self_test=False)
    with pytest.raises(InputError, match=r"a\.txt: got a name ending in '\.txt', expected '\.html'"):
        write_report(tmp_path / "a.txt", result, "a.npz", self_test=False)


@pytest.fixture(scope="module")
def browser():
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium with chromedriver here; Debian: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1366,768", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(params=["light", "dark"])
def opened(browser, path, request):
    """The page in a browser without a network, when it says that it is ready."""
    feature = {"name": "prefers-color-scheme", "value": request.param}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions", {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    )
    browser.get(path.as_uri())
    for _ in range(600):
        if browser.execute_script("return document.body.dataset.ready"):
            return browser
        time.sleep(0.05)
    raise AssertionError(browser.get_log("browser"))


def picture(browser, name):
    """Pixels (rows, columns, 3) of a canvas."""
    script = "const c = document.getElementById(arguments[0]), copy = new OffscreenCanvas(c.width, c.height);"
    script += "const context = copy.getContext('2d', {willReadFrequently: true}); context.drawImage(c, 0, 0);"
    script += "return [c.height, c.width, ...context.getImageData(0, 0, c.width, c.height).data]"
    height, width, *pixels = browser.execute_script(script, name)
    return np.array(pixels).reshape(height, width, 4)[..., :3]


def move(browser, value, axis=0):
    script = "document.querySelectorAll('.choice button')[arguments[1]].click();"
    script += "const s = document.getElementById('slider'); s.value = arguments[0]; s.dispatchEvent(new Event('input'));"
    browser.execute_script(script, value, axis)


def test_the_slider_moves_and_the_pictures_change(opened, result):
    shape = result.intensity.shape
    for axis, missing in enumerate(np.moveaxis(result.filled | result.mask, a, 0) for a in range(3)):
        seen = []
        for value in (5, 20):
            move(opened, value, axis)
            before, after, relative = (picture(opened, n) for n in ("before", "after", "relative"))
            gap = before[missing[value]]
            assert before.shape[:2] == missing[value].shape
            assert (gap == gap[0]).all()  # one colour for what was not measured
            np.testing.assert_array_equal(before[~missing[value]], after[~missing[value]])
            filled = np.moveaxis(result.filled, axis, 0)[value]
            assert (relative[~filled] == gap[0]).all()
            assert not (after[filled] == gap[0]).all(-1).any()
            seen.append(after)
        assert (seen[0] != seen[1]).any()
        where = opened.execute_script("return document.getElementById('where').textContent")
        assert where == f"{('frame', 'row', 'column')[axis]} 20 of {shape[axis] - 1}"
    assert opened.get_log("browser") == []


def test_lines_lie_round_the_gaps_and_nowhere_else(opened, result):
    state = result.filled | result.mask
    move(opened, 20, 1)
    script = "const c = document.getElementById('after-borders');"
    script += "return [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    height, width, *pixels = opened.execute_script(script)
    drawn = np.array(pixels).reshape(height, width, 4)[..., 3] > 100
    gap = state[:, 20]
    rows, columns = (np.arange(n) * m // n for n, m in zip((height, width), gap.shape, strict=True))
    large = gap[np.ix_(rows, columns)]
    edge = binary_dilation(large, iterations=2) & ~binary_erosion(large, iterations=2, border_value=1)
    assert drawn.any()
    assert not drawn[~binary_dilation(edge)].any()
    thin = binary_dilation(large) & ~large  # the pixels just outside
    assert binary_dilation(drawn)[thin].mean() > 0.95


def test_bright_voxels_are_inferno_s_last_colours(opened, result):
    peak = np.unravel_index(result.intensity.argmax(), result.intensity.shape)
    move(opened, int(peak[0]))
    np.testing.assert_array_equal(picture(opened, "after")[peak[1:]], [252, 255, 164])  # the end of inferno


def test_it_fits_a_laptop_and_reads_out_a_voxel(opened, result):
    assert opened.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    bottom = opened.execute_script("return document.querySelector('.controls').getBoundingClientRect().bottom")
    assert bottom <= opened.execute_script("return innerHeight")  # slices and slider are seen without scrolling
    move(opened, 10)
    event = "const c = document.getElementById('after'), b = c.getBoundingClientRect();"
    event += "c.dispatchEvent(new MouseEvent('mousemove', {clientX: b.left + b.width * (arguments[1] + .5) / c.width,"
    event += "clientY: b.top + b.height * (arguments[0] + .5) / c.height}));"
    row, column = np.argwhere(result.filled[10])[0].tolist()
    opened.execute_script(event, row, column)
    read = [opened.execute_script(f"return document.getElementById('read-{n}').textContent") for n in ("before", "relative")]
    assert read[0] == f"row {row}, column {column}: –"
    assert re.fullmatch(r"[±≥] \d+ %", read[1])
