"use strict";
// The films where the network puts them: thumbnails on a canvas that can be moved and enlarged with pointer, fingers,
// buttons and keys. Films that the filters leave out stay as dots.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, marks, sprites } = Page;
  const CLOSEST = 60;
  const PICTURED = 14;
  const SIGNED = 30;
  const DOT = 11; // zoom; sides from which pictures and signs are drawn, pixels
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  Page.map = function (peek) {
    const space = Page.space();
    const canvas = make("canvas", {
      class: "map-canvas",
      tabindex: 0,
      role: "application",
      "aria-label":
        "Map of the films. Arrow keys go from film to film, Enter opens one, plus and minus zoom, 0 shows all.",
    });
    const spoken = make("p", { class: "unseen", "aria-live": "polite" });
    const words = study.raw.map || {};
    const box = make(
      "div",
      { class: "map-box" },
      canvas,
      make("span", { class: "axis across", text: words.x ? `${words.x} →` : "" }),
      make("span", { class: "axis up", text: words.y ? `${words.y} →` : "" }),
    );
    const missing = study.count - space.placed.length;
    const element = make(
      "div",
      { class: "map", hidden: true },
      box,
      spoken,
      make("p", {
        class: "legend",
        text: `${words.words || ""}${missing ? ` ${missing} films have no place on it.` : ""}`,
      }),
    );
    const context = canvas.getContext("2d");
    let wide = 0;
    let high = 0;
    let chosen = null;
    let colours = {};

    function square(i, side) {
      const left = space.x(i) - side / 2;
      const top = space.y(i) - side / 2;
      const frame = study.films[state.now.colour][i];
      const colour = (colours[frame] ||= marks.colour(frame));
      const pictured = side >= PICTURED && sprites.draw(context, "micrograph", i, left, top, side, redraw);
      context.fillStyle = context.strokeStyle = colour;
      if (!pictured) {
        // too small, or the sheet is on its way
        context.translate(left + side / 2, top + side / 2);
        context.fill(new Path2D(marks.path(frame, 0.6 * Math.min(side, DOT) ** 2)));
        context.translate(-left - side / 2, -top - side / 2);
        return;
      }
      if (state.now.show !== "micrograph" && !study.flag(state.now.show, i))
        sprites.draw(context, state.now.show, i, left, top, side, redraw);
      context.lineWidth = side >= SIGNED ? 3 : 2;
      context.strokeRect(left, top, side, side);
      if (side >= SIGNED) sign(frame, left, top, colour);
    }

    function sign(frame, left, top, colour) {
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
    function look() {
      const style = getComputedStyle(document.documentElement);
      [ground, faint, strong] = ["--card", "--line-strong", "--ink"].map((name) => style.getPropertyValue(name).trim());
      colours = {};
    }

    function draw() {
      if (element.hidden || !wide) return;
      const side = space.side();
      const shown = space.shown();
      const passes = new Set(shown);
      context.clearRect(0, 0, wide, high);
      context.fillStyle = faint;
      for (const i of space.placed) {
        if (!passes.has(i) && space.inSight(i, 2)) context.fillRect(space.x(i) - 1.5, space.y(i) - 1.5, 3, 3);
      }
      for (const i of shown) if (i !== chosen && space.inSight(i, side)) square(i, side);
      if (chosen !== null && passes.has(chosen)) {
        const large = Math.max(side * 1.15, 34);
        square(chosen, large);
        context.strokeStyle = strong;
        context.lineWidth = 2;
        context.strokeRect(space.x(chosen) - large / 2 - 4, space.y(chosen) - large / 2 - 4, large + 8, large + 8);
      }
    }
    const redraw = Page.onFrame(draw);

    const zoom = d3
      .zoom()
      .scaleExtent([1, CLOSEST])
      .on("zoom", ({ transform, sourceEvent }) => {
        space.move(transform);
        canvas.classList.toggle("near", transform.k > 1);
        if (sourceEvent) peek.hide();
        redraw();
      });
    // One finger scrolls the page as long as all is in sight; then it moves the map.
    zoom.filter(
      (event) =>
        (!event.ctrlKey || event.type === "wheel") &&
        !event.button &&
        !(event.type === "touchstart" && event.touches.length === 1 && d3.zoomTransform(canvas).k === 1),
    );
    const selection = d3.select(canvas).call(zoom).on("dblclick.zoom", null);
    // Where buttons and keys zoom to: the film that is chosen, or else the middle of the films in sight.
    const focus = () => {
      if (chosen !== null) return [space.x(chosen), space.y(chosen)];
      const seen = space.shown().filter((i) => space.inSight(i, 0));
      return seen.length ? [d3.median(seen, space.x), d3.median(seen, space.y)] : [wide / 2, high / 2];
    };
    const glide = () => (calm.matches ? selection : selection.transition().duration(220));
    const buttons = make(
      "div",
      { class: "zoom", role: "group", "aria-label": "Zoom" },
      ...[
        ["+", "Zoom in", () => zoom.scaleBy(glide(), 1.7, focus())],
        ["−", "Zoom out", () => zoom.scaleBy(glide(), 1 / 1.7, focus())],
        ["All", "Show the whole map", () => zoom.transform(glide(), d3.zoomIdentity)],
      ].map(([text, label, act]) => make("button", { type: "button", text, "aria-label": label, on: { click: act } })),
    );
    box.append(buttons);

    const anchorOf = (i) => ({
      getBoundingClientRect() {
        const at = canvas.getBoundingClientRect();
        const side = space.side();
        return new DOMRect(at.left + space.x(i) - side / 2, at.top + space.y(i) - side / 2, side, side);
      },
    });

    function choose(i, speak) {
      if (i === chosen) return;
      chosen = i;
      canvas.classList.toggle("on-film", i !== null);
      if (i === null) peek.hide();
      else peek.show(i, anchorOf(i), box);
      if (speak && i !== null) spoken.textContent = `${study.films.sample[i]}. ${study.sentence(i)}`;
      redraw();
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
        const next = chosen === null ? space.middle() : space.beside(chosen, ...arrow);
        if (next !== null) {
          keepInSight(next);
          choose(next, true);
        }
      } else if (event.key in zooms) zoom.scaleBy(selection, zooms[event.key], focus());
      else if (event.key === "0") zoom.transform(selection, d3.zoomIdentity);
      else if (event.key === "Enter" && chosen !== null) {
        peek.hide();
        state.open(chosen);
      } else return;
      event.preventDefault();
    }

    function keepInSight(i) {
      if (!space.inSight(i, -space.side() / 2)) {
        const { k } = d3.zoomTransform(canvas);
        zoom.translateBy(selection, (wide / 2 - space.x(i)) / k, (high / 2 - space.y(i)) / k);
      }
    }

    canvas.addEventListener("keydown", press);
    canvas.addEventListener("blur", () => choose(null));
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch" && !event.buttons) choose(space.at(event.offsetX, event.offsetY));
    });
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") choose(null);
    });
    canvas.addEventListener("click", (event) => {
      const i = space.at(event.offsetX, event.offsetY);
      if (i === null) {
        choose(null);
        return;
      }
      if (event.pointerType === "touch" && peek.film() !== i) {
        chosen = i;
        peek.show(i, null);
        redraw();
        return;
      }
      peek.hide();
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
      space.fit(wide, high);
      draw();
    }
    new ResizeObserver(Page.onFrame(measure)).observe(canvas);
    marks.onTheme(() => {
      look();
      redraw();
    });
    look();

    return {
      element,
      space,
      draw(now) {
        element.hidden = now.view !== "map";
        if (element.hidden) return;
        space.show(state.found().shown);
        if (chosen !== null && !state.found().shown.includes(chosen)) chosen = null;
        measure();
        redraw();
      },
    };
  };
})(window.Page);
