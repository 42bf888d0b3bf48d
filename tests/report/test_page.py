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


def dialog(browser, selector):
    """What the page tells of the number at a selector, by name."""
    click(browser, selector)
    names = browser.execute_script(
        "return [document.querySelector('#source h2').textContent,"
        " [...document.querySelectorAll('#source dt')].map((dt) => [dt.textContent, dt.nextSibling.textContent])]"
    )
    click(browser, "#source button")
    return names[0], dict(names[1])


def column(browser, number):
    script = "return [...document.querySelectorAll(arguments[0])].map((cell) => cell.textContent)"
    return browser.execute_script(script, f"#tab-main td:nth-child({number})")


def test_no_error_in_the_console(browser):
    assert browser.get_log("browser") == []


def test_a_number_of_the_abstract_tells_where_it_is_from(browser):
    key, told = dialog(browser, ".abstract .number[data-key='rare_words.headline.full.accuracy.mean']")
    assert key == "rare_words.headline.full.accuracy.mean"
    assert float(told["unrounded"]) == pytest.approx(0.6)
    assert told["runs"] == "results/records/rare_words/full.jsonl, lines 1-2"
    assert told["code"] == "code-rare_words"
    assert "snakemake" in told["make it again"]


def test_a_number_of_a_table_tells_where_it_is_from(browser):
    key, told = dialog(browser, "#tab-main .number[data-key='rare_words.headline.ridge.accuracy.mean']")
    low, high = map(float, told["interval"].split(" to "))
    assert "ridge" in key
    assert low < float(told["unrounded"]) < high
    assert "ridge.jsonl" in told["runs"]


def test_a_number_that_is_missing_tells_why(browser):
    _, told = dialog(browser, "#tab-main .number[data-key='sst2.headline.full.accuracy.mean']")
    assert told["unrounded"] == "none"
    assert "SST-2" in told["status"]


def test_a_click_on_a_heading_sorts_up_then_down(browser):
    before = column(browser, 2)
    click(browser, "#tab-main th:nth-child(2)")
    up = column(browser, 2)
    click(browser, "#tab-main th:nth-child(2)")
    assert up == sorted(before)
    assert column(browser, 2) == up[::-1]


def test_light_and_dark(browser):
    colour = "return getComputedStyle(document.body).backgroundColor"
    before = browser.execute_script(colour)
    click(browser, "#theme")
    assert browser.execute_script(colour) != before


def test_a_figure_enlarges(browser):
    click(browser, "figure img")
    assert browser.execute_script("return document.getElementById('picture').open")
    click(browser, "#picture")


def test_a_telephone_needs_no_sideways_scrolling(browser):
    metrics = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
