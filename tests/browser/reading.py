"""What a reader meets on a page: texts and their contrast, boxes that are cut, stops of the Tab key."""

# Every visible text with the contrast of WCAG 2 between its colour and the ground behind it: [{text, contrast, large}].
CONTRASTS = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  function rgba(colour) {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  }
  const over = (top, low) => [0, 1, 2].map((k) => top[k] * top[3] + low[k] * (1 - top[3]));
  function luminance(colour) {
    const [red, green, blue] = colour.map((one) => one / 255)
      .map((one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
  function ground(element) {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.unshift(rgba(getComputedStyle(one).backgroundColor));
    const start = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    return layers.reduce((low, layer) => over(layer, low), start);
  }
  function opacity(element) {
    let share = 1;
    for (let one = element; one; one = one.parentElement) share *= getComputedStyle(one).opacity;
    return share;
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(".picture, .stage")) continue;
    if (["SCRIPT", "STYLE", "OPTION"].includes(element.tagName) || element.closest(".visually-hidden, .skip")) continue;
    const style = getComputedStyle(element);
    const low = ground(element);
    const letters = rgba(element.closest("svg") ? style.fill : style.color);
    letters[3] *= opacity(element);
    const [dark, light] = [luminance(low), luminance(over(letters, low))].sort((a, b) => a - b);
    found.push({ text, contrast: (light + 0.05) / (dark + 0.05) });
  }
  return found;
}"""

# Visible boxes of tables and figures whose content is wider than they are: [{label, hint}], hint: whether one is shown.
WIDER = """() => [...document.querySelectorAll(".scroll, .scroll-x, .sheet")]
  .filter((box) => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1)
  .map((box) => {
    const above = box.previousElementSibling;
    const hint = Boolean(above && above.matches(".hint") && above.checkVisibility());
    return { label: box.getAttribute("aria-label"), hint };
  })"""

# All text of the page, folded parts and names of controls included.
TEXTS = """() => [document.body.textContent, document.title,
  ...[...document.querySelectorAll("[aria-label], [alt], [title]")].flatMap((one) =>
    ["aria-label", "alt", "title"].map((name) => one.getAttribute(name) || ""))].join("\\n")"""


def unfold(page):
    """Open everything that is folded."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


def tabs_until(page, selector, at_most=20):
    """Press Tab until the focus is on an element, and return how often."""
    for count in range(1, at_most + 1):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return count
    return None
