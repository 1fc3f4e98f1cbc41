"use strict";
// Elements without markup: every text goes in as text, so that a film may be called anything.
window.Page = {};
(function (Page) {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, settings, children) {
    for (const [name, value] of Object.entries(settings || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "text") element.textContent = value;
      else if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // make("button", {class: "chip", text: "900 °C", on: {click: act}}, child, ...)
  Page.make = (tag, settings, ...children) => fill(document.createElement(tag), settings, children);
  Page.drawing = (tag, settings, ...children) => fill(document.createElementNS(SVG, tag), settings, children);

  // Calls in one burst end in one act, `pause` milliseconds after the last; `flush` acts at once.
  Page.later = function (act, pause) {
    let timer = null;
    const run = () => {
      clearTimeout(timer);
      timer = null;
      act();
    };
    const call = () => {
      clearTimeout(timer);
      timer = setTimeout(run, pause);
    };
    call.flush = () => {
      if (timer !== null) run();
    };
    return call;
  };

  // Calls between two frames end in one act at the next frame.
  Page.onFrame = function (act) {
    let asked = false;
    return () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        act();
      });
    };
  };

  // A row of buttons of which one is pressed: choices {value: words}; `show(value)` presses one.
  Page.choice = function (label, choices, choose, extra) {
    const buttons = Object.entries(choices).map(([value, words]) =>
      Page.make("button", { type: "button", "data-value": value, text: words, on: { click: () => choose(value) } }),
    );
    const element = Page.make(
      "div",
      { class: `choice ${extra || ""}`, role: "group", "aria-label": label },
      ...buttons,
    );
    const show = (value) => buttons.forEach((one) => one.setAttribute("aria-pressed", one.dataset.value === value));
    return { element, show };
  };
})(window.Page);
