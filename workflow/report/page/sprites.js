"use strict";
// Pictures of films out of the sprite sheets. A sheet is fetched when the first film on it is shown.
(function (Page) {
  if (!Page.study) return;
  const { raw } = Page.study;
  const loaded = new Map(); // path -> Image
  const SMALL = raw.sheets;
  const LARGE = raw.large;

  // Where film i stands: {path, column, row} of a kind of picture, null where there is no such sheet.
  function find(grid, kind, i) {
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

  // Draw film i into a square of a canvas; false (and `then` is called later) while its sheet is on its way.
  function draw(context, kind, i, x, y, size, then, grid = SMALL) {
    const found = find(grid, kind, i);
    if (!found) return true;
    const picture = image(found.path, then);
    if (!picture.complete || !picture.naturalWidth) return false;
    const { tile } = grid;
    context.drawImage(picture, found.column * tile, found.row * tile, tile, tile, x, y, size, size);
    return true;
  }

  // Sheets at half their size, for maps of many small pictures: a browser forgets decoded pictures and would decode
  // them anew in every frame. They are made one after the other, so that the page stays awake.
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
        next.then();
      }),
      go(() => halves.delete(next.path)),
    );
  }

  // As draw, out of the halved sheets.
  function drawSmall(context, kind, i, x, y, size, then) {
    const found = find(SMALL, kind, i);
    const half = found && halves.get(found.path);
    const tile = SMALL.tile / 2;
    if (!found) return true;
    if (half) context.drawImage(half, found.column * tile, found.row * tile, tile, tile, x, y, size, size);
    else if (half === undefined) {
      halves.set(found.path, null);
      waiting.push({ path: found.path, then });
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
    tile: SMALL.tile,
    draw: (context, kind, i, x, y, size, then) =>
      (size > SMALL.tile / 2 ? draw : drawSmall)(context, kind, i, x, y, size, then),
    small: (kind, i, extra) => canvas(SMALL, kind, i, extra),
    large: (i, extra) => canvas(LARGE && LARGE.micrograph ? LARGE : SMALL, "micrograph", i, extra),

    // Give an element of any square size the picture of film i as its ground.
    dress(element, kind, i) {
      const found = find(SMALL, kind, i);
      if (!found) return;
      const share = (place, count) => (count > 1 ? `${(100 * place) / (count - 1)}%` : "0%");
      element.style.backgroundImage = `url("${found.path}")`;
      element.style.backgroundSize = `${100 * SMALL.across}% ${100 * SMALL.down}%`;
      element.style.backgroundPosition = `${share(found.column, SMALL.across)} ${share(found.row, SMALL.down)}`;
    },
  };
})(window.Page);
