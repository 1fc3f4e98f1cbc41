"use strict";
// Creates elements; every text is set as text, never as markup, whatever a sample is called.
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

  // make("button", {class: "chip", text: "accepted", on: {click: act}}, child, ...)
  Page.make = (tag, settings, ...children) => fill(document.createElement(tag), settings, children);
  Page.makeSvg = (tag, settings, ...children) => fill(document.createElementNS(SVG, tag), settings, children);

  // Join calls in quick succession into one, `pause` milliseconds after the last; `flush` makes it at once.
  Page.debounce = function (act, pause) {
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

  // Join the calls between two frames into one at the next frame.
  Page.onFrame = function (act) {
    let pending = false;
    return () => {
      if (pending) return;
      pending = true;
      requestAnimationFrame(() => {
        pending = false;
        act();
      });
    };
  };

  // A row of buttons of which one is pressed: choices {value: text}; `show(value)` presses one.
  Page.choice = function (label, choices, choose) {
    const buttons = Object.entries(choices).map(([value, text]) =>
      Page.make("button", { type: "button", "data-value": value, text, on: { click: () => choose(value) } }),
    );
    const element = Page.make(
      "div",
      { class: "choice", role: "group", "aria-label": label },
      ...buttons,
    );
    const show = (value) => buttons.forEach((one) => one.setAttribute("aria-pressed", one.dataset.value === value));
    return { element, show };
  };
})(window.Page);
