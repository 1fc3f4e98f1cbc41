"""The claims as a reader meets them: whole on narrow screens and without JavaScript, each led to from the bar."""

import pytest

from browser.made_up_site import HOSTILE


def test_the_bar_leads_to_the_claims_and_long_answers_unfold(visit, few):
    page = visit(few.address)
    page.click(".bar a[href='#claims']")
    assert page.locator("#claims h2").is_visible()
    hidden = page.locator("#claims details li").first
    assert not hidden.is_visible()
    page.locator("#claims summary").first.click()
    assert hidden.is_visible()
    assert HOSTILE in page.locator("#claims").inner_text()  # as words, not as a picture


@pytest.mark.parametrize("width", [390, 820, 1400])
def test_no_claim_is_cut_off_and_verdicts_do_not_lie_on_sentences(visit, few, width):
    page = visit(few.address, viewport={"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('#claims details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    apart = """[...document.querySelectorAll('.claims li')].map((line) => {
        const [one, other] = [...line.children].map((part) => part.getBoundingClientRect());
        return one.right <= other.left || one.bottom <= other.top + 1;
    })"""
    found = page.evaluate(apart)
    assert len(found) > 20 and all(found)


def test_without_javascript_every_question_and_verdict_is_there(visit, few):
    page = visit(few.address, ready="main", java_script_enabled=False)
    for word in ("supported", "not supported", "cannot be told", "not tested"):
        assert word in page.locator("#claims .tally").inner_text()
    assert page.locator("#claims dt").count() >= 15
