"use strict";
// Every class has a colour and a symbol, the same as in the figures; colours are lighter on a dark background.
(function (Page) {
  if (!Page.study) return;
  const { data, classes } = Page.study;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const down = {
    draw(context, size) {
      // a triangle on its point
      const side = Math.sqrt(size / (Math.sqrt(3) * 3));
      context.moveTo(0, side * 2);
      context.lineTo(-Math.sqrt(3) * side, -side);
      context.lineTo(Math.sqrt(3) * side, -side);
      context.closePath();
    },
  };
  const SYMBOLS = [
    d3.symbolCircle,
    d3.symbolSquare,
    d3.symbolTriangle,
    d3.symbolDiamond,
    down,
    d3.symbolCross,
    d3.symbolWye,
    d3.symbolStar,
  ];
  const watchers = [];

  function lighten(colour) {
    const lighter = d3.hcl(colour);
    lighter.l = 58 + 0.3 * lighter.l;
    lighter.c = Math.min(lighter.c, 62);
    return lighter.formatHex();
  }

  const colours = () => data.colours.map((colour) => (dark.matches ? lighten(colour) : colour));
  const index = (value) => classes.indexOf(value);

  function apply() {
    colours().forEach((colour, k) => document.documentElement.style.setProperty(`--class-${k}`, colour));
    watchers.forEach((act) => act());
  }

  Page.marks = {
    path: (value, size) => d3.symbol(SYMBOLS[Math.max(0, index(value)) % SYMBOLS.length], size)(),
    colour: (value) =>
      colours()[index(value)] || getComputedStyle(document.documentElement).getPropertyValue("--soft"),
    variable: (value) => (index(value) < 0 ? "var(--soft)" : `var(--class-${index(value)})`),
    onTheme: (act) => watchers.push(act), // called when the colour scheme changes

    // The symbol of a class as SVG.
    symbol(value) {
      if (index(value) < 0) return Page.makeSvg("svg", { class: "symbol", "aria-hidden": "true" });
      const shape = Page.makeSvg("path", { d: Page.marks.path(value, 46) });
      shape.style.fill = Page.marks.variable(value);
      return Page.makeSvg("svg", { class: "symbol", viewBox: "-6 -6 12 12", "aria-hidden": "true" }, shape);
    },

    // Symbol and name of a class, as elements.
    labelled: (value) =>
      Page.make("span", { class: "labelled" }, Page.marks.symbol(value), Page.study.labelled(value)),
  };
  dark.addEventListener("change", apply);
  apply();
})(window.Page);
