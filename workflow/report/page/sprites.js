"use strict";
// Pictures of films out of the sprite sheets. A sheet is fetched when the first film on it is shown.
(function (Page) {
  if (!Page.study) return;
  const { raw } = Page.study;
  const loaded = new Map(); // path -> Image
  const SMALL = raw.sheets, LARGE = raw.large;

  // Where film i stands: {path, column, row} of a kind of picture, null where there is no such sheet.
  function find(grid, kind, i) {
    const room = grid.across * grid.down, path = (grid[kind] || [])[Math.floor(i / room)];
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

  function canvas(grid, kind, i, extra) {
    const element = Page.make("canvas", { width: grid.tile, height: grid.tile, class: extra, "aria-hidden": "true" });
    const paint = () => draw(element.getContext("2d"), kind, i, 0, 0, grid.tile, paint, grid);
    paint();
    return element;
  }

  Page.sprites = {
    tile: SMALL.tile,
    draw,
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
