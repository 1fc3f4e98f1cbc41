"""The conclusions as a reader meets them: complete on narrow screens and without JavaScript, linked from the bar."""

import pytest

from browser.made_up_site import HOSTILE


def test_the_bar_leads_to_the_conclusions_and_long_lists_unfold(visit, few):
    page = visit(few.address)
    page.click(".bar a[href='#conclusions']")
    assert page.locator("#conclusions h2").is_visible()
    hidden = page.locator("#conclusions details li").first
    assert not hidden.is_visible()
    for fold in page.locator("#conclusions summary").all():
        fold.click()
    assert hidden.is_visible()
    assert HOSTILE in page.locator("#conclusions").inner_text()  # as text, not as an element


def test_what_is_supported_comes_first_in_one_line_each_at_a_desk(visit, few):
    page = visit(few.address)
    lines = page.locator(".conclusions > ul > li")
    verdicts = [text.split()[-1] for text in page.locator(".conclusions > ul .verdict").all_inner_texts()]
    assert verdicts == sorted(verdicts, reverse=True) and set(verdicts) == {"supported", "contradicted"}
    heights = [line.bounding_box()["height"] for line in lines.all()]
    assert max(heights) < 1.7 * min(heights)


@pytest.mark.parametrize("width", [390, 820, 1400])
def test_nothing_is_cut_off_and_verdicts_do_not_overlap_hypotheses(visit, few, width):
    page = visit(few.address, viewport={"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('#conclusions details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    separate = """[...document.querySelectorAll('.conclusions li')].map((line) => {
        const [one, other] = [...line.children].map((part) => part.getBoundingClientRect());
        return one.right <= other.left || one.bottom <= other.top + 1;
    })"""
    lines = page.evaluate(separate)
    assert len(lines) > 20 and all(lines)


def test_without_javascript_every_question_and_verdict_is_there(visit, few):
    page = visit(few.address, ready="main", java_script_enabled=False)
    for verdict in ("supported", "contradicted", "inconclusive", "not tested"):
        assert verdict in page.locator("#conclusions").inner_text()
    assert page.locator("#conclusions li").count() > 50
