"use strict";
// Every temperature has a colour and a sign, the same in the figures; on dark ground the colours are lighter.
(function (Page) {
  if (!Page.study) return;
  const { raw, classes } = Page.study;
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
  const SIGNS = [
    d3.symbolCircle,
    d3.symbolSquare,
    d3.symbolTriangle,
    d3.symbolDiamond,
    down,
    d3.symbolCross,
    d3.symbolWye,
    d3.symbolStar,
  ];
  const given =
    raw.colours || classes.map((_, k) => d3.interpolatePlasma(0.06 + (0.74 * k) / Math.max(1, classes.length - 1)));
  const watchers = [];

  function onDark(colour) {
    const lighter = d3.hcl(colour);
    lighter.l = 58 + 0.3 * lighter.l;
    lighter.c = Math.min(lighter.c, 62);
    return lighter.formatHex();
  }

  const colours = () => given.map((colour) => (dark.matches ? onDark(colour) : colour));
  const place = (temperature) => classes.indexOf(temperature);

  function apply() {
    colours().forEach((colour, k) => document.documentElement.style.setProperty(`--class-${k}`, colour));
    watchers.forEach((act) => act());
  }

  Page.marks = {
    place,
    path: (temperature, size) => d3.symbol(SIGNS[Math.max(0, place(temperature)) % SIGNS.length], size)(),
    colour: (temperature) =>
      colours()[place(temperature)] || getComputedStyle(document.documentElement).getPropertyValue("--soft"),
    variable: (temperature) => (place(temperature) < 0 ? "var(--soft)" : `var(--class-${place(temperature)})`),
    onTheme: (act) => watchers.push(act), // called when light becomes dark or the other way round

    // The sign of a temperature as a small drawing.
    sign(temperature) {
      if (place(temperature) < 0) return Page.drawing("svg", { class: "sign", "aria-hidden": "true" });
      const shape = Page.drawing("path", { d: Page.marks.path(temperature, 46) });
      shape.style.fill = Page.marks.variable(temperature);
      return Page.drawing("svg", { class: "sign", viewBox: "-6 -6 12 12", "aria-hidden": "true" }, shape);
    },

    // "● 900 °C" as elements: sign and words.
    named: (temperature) =>
      Page.make("span", { class: "named" }, Page.marks.sign(temperature), Page.study.celsius(temperature)),
  };
  dark.addEventListener("change", apply);
  apply();
})(window.Page);
