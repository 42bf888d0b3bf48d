"""The HTML report in a browser: no error, numbers that tell where they are from, tables that sort."""

import shutil

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
BROWSER, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="there is no chromium or chromedriver on this machine")
QUIET = ["background-networking", "quic", "component-update", "sync", "gpu", "dev-shm-usage"]


@pytest.fixture(scope="module")
def browser(folder, tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    flags = ["headless", "no-sandbox", "no-first-run", *(f"disable-{name}" for name in QUIET)]
    for flag in [*flags, f"user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.get((folder / "report" / "report.html").as_uri())
    yield driver
    driver.quit()


def click(browser, selector):
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def dialog(browser, place, key):
    """What the page tells of a number, by name."""
    click(browser, f"{place} .number[data-key='{key}']")
    names = browser.execute_script(
        "return [document.querySelector('#source h2').textContent,"
        " [...document.querySelectorAll('#source dt')].map((dt) => [dt.textContent, dt.nextSibling.textContent])]"
    )
    click(browser, "#source button")
    assert names[0] == key
    return dict(names[1])


def test_a_number_tells_where_it_is_from_and_a_missing_one_why(browser):
    told = dialog(browser, ".abstract", "rare_words.headline.full.accuracy.mean")
    assert float(told["unrounded"]) == pytest.approx(0.6166666)
    assert (told["runs"], told["code"]) == ("results/records/rare_words/full.jsonl, lines 1-3", "b")
    assert "snakemake" in told["make it again"]
    low, high = map(float, told["interval"].split(" to "))
    assert low < float(told["unrounded"]) < high
    told = dialog(browser, "#tab-main", "sst2.headline.full.accuracy.mean")
    assert (told["unrounded"], "SST-2" in told["status"]) == ("none", True)


def test_a_click_on_a_heading_sorts_up_then_down(browser):
    def column():
        script = "return [...document.querySelectorAll('#tab-main td:nth-child(2)')].map((cell) => cell.textContent)"
        return browser.execute_script(script)

    before = column()
    click(browser, "#tab-main th:nth-child(2)")
    up = column()
    click(browser, "#tab-main th:nth-child(2)")
    assert (up, column()) == (sorted(before), up[::-1])


def test_it_turns_dark_enlarges_a_figure_and_fits_a_telephone_without_an_error(browser):
    colour = "return getComputedStyle(document.body).backgroundColor"
    before = browser.execute_script(colour)
    click(browser, "#theme")
    assert browser.execute_script(colour) != before
    click(browser, "figure img")
    assert browser.execute_script("return document.getElementById('picture').open")
    click(browser, "#picture")
    metrics = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    assert browser.get_log("browser") == []
