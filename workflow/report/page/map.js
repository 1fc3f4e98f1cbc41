"use strict";
// The map of the feature space: thumbnails on a canvas that can be moved and zoomed with pointer, fingers, buttons and
// keys. Samples that do not pass the filters are dots.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, marks, sprites } = Page;
  const CLOSEST = 60;
  const WITH_PICTURE = 14;
  const WITH_SYMBOL = 30;
  const DOT = 11; // zoom; sides from which pictures and symbols are drawn, pixels
  const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");

  Page.map = function (preview) {
    const layout = Page.layout();
    const canvas = make("canvas", {
      class: "map-canvas",
      tabindex: 0,
      role: "application",
      "aria-label":
        "Map of the samples. Arrow keys go from sample to sample, Enter opens one, plus and minus zoom, 0 shows all.",
    });
    const announced = make("p", { class: "visually-hidden", "aria-live": "polite" });
    const labels = study.data.map;
    const box = make(
      "div",
      { class: "map-box" },
      canvas,
      make("span", { class: "axis across", text: `${labels.x} →` }),
      make("span", { class: "axis up", text: `${labels.y} →` }),
    );
    const missing = study.count - layout.placed.length;
    const element = make(
      "div",
      { class: "map", hidden: true },
      box,
      announced,
      make("p", {
        class: "legend",
        text: `${labels.description}${missing ? ` ${missing} samples have no features.` : ""}`,
      }),
    );
    const context = canvas.getContext("2d");
    let wide = 0;
    let high = 0;
    let chosen = null;
    let colours = {};

    function square(i, side) {
      const left = layout.x(i) - side / 2;
      const top = layout.y(i) - side / 2;
      const frame = study.samples[state.now.colour][i];
      const colour = (colours[frame] ||= marks.colour(frame));
      const pictured = side >= WITH_PICTURE && sprites.draw(context, "micrograph", i, left, top, side, drawSoon);
      context.fillStyle = context.strokeStyle = colour;
      if (!pictured) {
        // too small, or the sheet is not loaded yet
        context.translate(left + side / 2, top + side / 2);
        context.fill(new Path2D(marks.path(frame, 0.6 * Math.min(side, DOT) ** 2)));
        context.translate(-left - side / 2, -top - side / 2);
        return;
      }
      if (state.now.show !== "micrograph" && !study.flag(state.now.show, i))
        sprites.draw(context, state.now.show, i, left, top, side, drawSoon);
      context.lineWidth = side >= WITH_SYMBOL ? 3 : 2;
      context.strokeRect(left, top, side, side);
      if (side >= WITH_SYMBOL) symbol(frame, left, top, colour);
    }

    function symbol(frame, left, top, colour) {
      context.save();
      context.translate(left + 7, top + 7);
      context.fillStyle = ground;
      context.fillRect(-8.5, -8.5, 17, 17);
      context.fillStyle = colour;
      context.fill(new Path2D(marks.path(frame, 56)));
      context.restore();
    }

    let ground = "#fff";
    let faint = "#999";
    let strong = "#000";
    function readTheme() {
      const style = getComputedStyle(document.documentElement);
      [ground, faint, strong] = ["--card", "--line-strong", "--ink"].map((name) => style.getPropertyValue(name).trim());
      colours = {};
    }

    function draw() {
      if (element.hidden || !wide) return;
      const side = layout.side();
      const shown = layout.shown();
      const passes = new Set(shown);
      context.clearRect(0, 0, wide, high);
      context.fillStyle = faint;
      for (const i of layout.placed) {
        if (!passes.has(i) && layout.inSight(i, 2)) context.fillRect(layout.x(i) - 1.5, layout.y(i) - 1.5, 3, 3);
      }
      for (const i of shown) if (i !== chosen && layout.inSight(i, side)) square(i, side);
      if (chosen !== null && passes.has(chosen)) {
        const large = Math.max(side * 1.15, 34);
        square(chosen, large);
        context.strokeStyle = strong;
        context.lineWidth = 2;
        context.strokeRect(layout.x(chosen) - large / 2 - 4, layout.y(chosen) - large / 2 - 4, large + 8, large + 8);
      }
    }
    const drawSoon = Page.onFrame(draw);

    const zoom = d3
      .zoom()
      .scaleExtent([1, CLOSEST])
      .on("zoom", ({ transform, sourceEvent }) => {
        layout.move(transform);
        canvas.classList.toggle("zoomed", transform.k > 1);
        if (sourceEvent) preview.hide();
        drawSoon();
      });
    // One finger scrolls the page as long as all is in sight; then it moves the map.
    zoom.filter(
      (event) =>
        (!event.ctrlKey || event.type === "wheel") &&
        !event.button &&
        !(event.type === "touchstart" && event.touches.length === 1 && d3.zoomTransform(canvas).k === 1),
    );
    const selection = d3.select(canvas).call(zoom).on("dblclick.zoom", null);
    // The centre of zooming by button or key: the chosen sample, or else the median of the samples in sight.
    const focus = () => {
      if (chosen !== null) return [layout.x(chosen), layout.y(chosen)];
      const visible = layout.shown().filter((i) => layout.inSight(i, 0));
      return visible.length ? [d3.median(visible, layout.x), d3.median(visible, layout.y)] : [wide / 2, high / 2];
    };
    const animated = () => (reducedMotion.matches ? selection : selection.transition().duration(220));
    const buttons = make(
      "div",
      { class: "zoom", role: "group", "aria-label": "Zoom" },
      ...[
        ["+", "Zoom in", () => zoom.scaleBy(animated(), 1.7, focus())],
        ["−", "Zoom out", () => zoom.scaleBy(animated(), 1 / 1.7, focus())],
        ["All", "Show the whole map", () => zoom.transform(animated(), d3.zoomIdentity)],
      ].map(([text, label, act]) => make("button", { type: "button", text, "aria-label": label, on: { click: act } })),
    );
    box.append(buttons);

    const anchorOf = (i) => ({
      getBoundingClientRect() {
        const at = canvas.getBoundingClientRect();
        const side = layout.side();
        return new DOMRect(at.left + layout.x(i) - side / 2, at.top + layout.y(i) - side / 2, side, side);
      },
    });

    function choose(i, announce) {
      if (i === chosen) return;
      chosen = i;
      canvas.classList.toggle("on-sample", i !== null);
      if (i === null) preview.hide();
      else preview.show(i, anchorOf(i), box);
      if (announce && i !== null) announced.textContent = `${study.samples.name[i]}. ${study.sentence(i)}`;
      drawSoon();
    }

    function press(event) {
      const arrows = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
      const arrow = arrows[event.key];
      const zooms = { "+": 1.7, "=": 1.7, "-": 1 / 1.7 };
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (arrow && event.shiftKey)
        zoom.translateBy(
          selection,
          (-60 * arrow[0]) / d3.zoomTransform(canvas).k,
          (-60 * arrow[1]) / d3.zoomTransform(canvas).k,
        );
      else if (arrow) {
        const next = chosen === null ? layout.middle() : layout.beside(chosen, ...arrow);
        if (next !== null) {
          keepInSight(next);
          choose(next, true);
        }
      } else if (event.key in zooms) zoom.scaleBy(selection, zooms[event.key], focus());
      else if (event.key === "0") zoom.transform(selection, d3.zoomIdentity);
      else if (event.key === "Enter" && chosen !== null) {
        preview.hide();
        state.open(chosen);
      } else return;
      event.preventDefault();
    }

    function keepInSight(i) {
      if (!layout.inSight(i, -layout.side() / 2)) {
        const { k } = d3.zoomTransform(canvas);
        zoom.translateBy(selection, (wide / 2 - layout.x(i)) / k, (high / 2 - layout.y(i)) / k);
      }
    }

    canvas.addEventListener("keydown", press);
    canvas.addEventListener("blur", () => choose(null));
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch" && !event.buttons) choose(layout.at(event.offsetX, event.offsetY));
    });
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") choose(null);
    });
    canvas.addEventListener("click", (event) => {
      const i = layout.at(event.offsetX, event.offsetY);
      if (i === null) {
        choose(null);
        return;
      }
      if (event.pointerType === "touch" && preview.sample() !== i) {
        chosen = i;
        preview.show(i, null);
        drawSoon();
        return;
      }
      preview.hide();
      state.open(i);
    });

    function measure() {
      const next = [canvas.clientWidth, canvas.clientHeight];
      const dots = Math.min(2, window.devicePixelRatio || 1);
      if (!next[0] || (next[0] === wide && next[1] === high)) return;
      [wide, high] = next;
      canvas.width = wide * dots;
      canvas.height = high * dots;
      context.setTransform(dots, 0, 0, dots, 0, 0);
      zoom
        .extent([
          [0, 0],
          [wide, high],
        ])
        .translateExtent([
          [0, 0],
          [wide, high],
        ]);
      layout.fit(wide, high);
      draw();
    }
    new ResizeObserver(Page.onFrame(measure)).observe(canvas);
    marks.onTheme(() => {
      readTheme();
      drawSoon();
    });
    readTheme();

    return {
      element,
      focus: () => canvas.focus(),
      draw(now) {
        element.hidden = now.view !== "map";
        if (element.hidden) return;
        layout.show(state.result().shown);
        if (chosen !== null && !state.result().shown.includes(chosen)) chosen = null;
        measure();
        drawSoon();
      },
    };
  };
})(window.Page);
