"use strict";
// Pictures of samples from the sprite sheets. A sheet is fetched when the first of its samples is shown.
(function (Page) {
  if (!Page.study) return;
  const { data } = Page.study;
  const loaded = new Map(); // path -> Image
  const SMALL = data.sheets;
  const LARGE = data.large;

  // The tile of sample i: {path, column, row} of a kind of picture, null where there is no such sheet.
  function locate(grid, kind, i) {
    const room = grid.across * grid.down;
    const path = (grid[kind] || [])[Math.floor(i / room)];
    return path ? { path, column: (i % room) % grid.across, row: Math.floor((i % room) / grid.across) } : null;
  }

  function image(path, then) {
    let picture = loaded.get(path);
    if (!picture) {
      picture = new Image();
      picture.decoding = "async";
      picture.src = path;
      loaded.set(path, picture);
    }
    if (!(picture.complete && picture.naturalWidth) && then) picture.addEventListener("load", then, { once: true });
    return picture;
  }

  // Draw sample i into a square of a canvas; false (and `then` is called later) while its sheet is loading.
  function draw(context, kind, i, x, y, size, then, grid = SMALL) {
    const spot = locate(grid, kind, i);
    if (!spot) return true;
    const picture = image(spot.path, then);
    if (!picture.complete || !picture.naturalWidth) return false;
    const { tile } = grid;
    context.drawImage(picture, spot.column * tile, spot.row * tile, tile, tile, x, y, size, size);
    return true;
  }

  // Sheets at half their size, for maps of many small pictures: a browser drops decoded pictures and would decode
  // them again in every frame. They are made one after the other, so that the page stays responsive.
  const halves = new Map(); // path -> canvas, null while it waits
  const waiting = [];
  let busy = false;

  function makeHalf() {
    const next = waiting.shift();
    if (!next) {
      busy = false;
      return;
    }
    busy = true;
    const picture = new Image();
    const go = (act) => () => {
      act();
      setTimeout(makeHalf);
    };
    picture.src = next.path;
    picture.decode().then(
      go(() => {
        const half = Page.make("canvas", { width: picture.naturalWidth / 2, height: picture.naturalHeight / 2 });
        half.getContext("2d").drawImage(picture, 0, 0, half.width, half.height);
        halves.set(next.path, half);
        next.done();
      }),
      go(() => halves.delete(next.path)),
    );
  }

  // Draw from the halved sheets.
  function drawSmall(context, kind, i, x, y, size, then) {
    const spot = locate(SMALL, kind, i);
    const half = spot && halves.get(spot.path);
    const tile = SMALL.tile / 2;
    if (!spot) return true;
    if (half) context.drawImage(half, spot.column * tile, spot.row * tile, tile, tile, x, y, size, size);
    else if (half === undefined) {
      halves.set(spot.path, null);
      waiting.push({ path: spot.path, done: then });
      if (!busy) makeHalf();
    }
    return Boolean(half);
  }

  function canvas(grid, kind, i, extra) {
    const element = Page.make("canvas", { width: grid.tile, height: grid.tile, class: extra, "aria-hidden": "true" });
    const paint = () => draw(element.getContext("2d"), kind, i, 0, 0, grid.tile, paint, grid);
    paint();
    return element;
  }

  Page.sprites = {
    draw: (context, kind, i, x, y, size, then) =>
      (size > SMALL.tile / 2 ? draw : drawSmall)(context, kind, i, x, y, size, then),
    small: (kind, i, extra) => canvas(SMALL, kind, i, extra),
    large: (i, extra) => canvas(LARGE, "micrograph", i, extra),

    // Show the picture of sample i as the background of a square element.
    setBackground(element, kind, i) {
      const spot = locate(SMALL, kind, i);
      if (!spot) return;
      const share = (place, count) => (count > 1 ? `${(100 * place) / (count - 1)}%` : "0%");
      element.style.backgroundImage = `url("${spot.path}")`;
      element.style.backgroundSize = `${100 * SMALL.across}% ${100 * SMALL.down}%`;
      element.style.backgroundPosition = `${share(spot.column, SMALL.across)} ${share(spot.row, SMALL.down)}`;
    },
  };
})(window.Page);
