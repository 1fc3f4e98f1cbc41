"use strict";
// Where films stand on the map. Both axes have one scale, so that distances are what they look like.
(function (Page) {
  if (!Page.study) return;
  const { films, count, known } = Page.study;
  const LEAST = 9;
  const MOST = 46;
  const LARGEST = 150;
  const GROWTH = 0.65; // sides of thumbnails in pixels; side ~ zoom ** GROWTH

  Page.space = function () {
    const placed = films.x ? d3.range(count).filter((i) => known(films.x[i]) && known(films.y[i])) : [];
    let scale = 1;
    let midX = 0;
    let midY = 0;
    let wide = 1;
    let high = 1;
    let base = LEAST;
    let transform = d3.zoomIdentity;
    let shown = [];
    let tree = d3.quadtree();

    const flatX = (i) => wide / 2 + (films.x[i] - midX) * scale;
    const flatY = (i) => high / 2 - (films.y[i] - midY) * scale;
    const x = (i) => transform.applyX(flatX(i));
    const y = (i) => transform.applyY(flatY(i));
    const side = () => Math.min(LARGEST, base * Math.pow(transform.k, GROWTH));

    return {
      placed,
      x,
      y,
      side,
      // Make room for the films in a box of so many pixels.
      fit(width, height) {
        [wide, high] = [width, height];
        const [x0, x1] = d3.extent(placed, (i) => films.x[i]);
        const [y0, y1] = d3.extent(placed, (i) => films.y[i]);
        base = Math.min(MOST, Math.max(LEAST, 0.8 * Math.sqrt((width * height) / Math.max(1, placed.length))));
        const room = base + 44;
        scale = Math.min((width - room) / Math.max(x1 - x0, 1e-9), (height - room) / Math.max(y1 - y0, 1e-9));
        [midX, midY] = [(x0 + x1) / 2, (y0 + y1) / 2];
        this.show(shown);
      },
      // The films that can be found and seen; the others are dots.
      show(list) {
        shown = list.filter((i) => known(films.x[i]) && known(films.y[i])).sort((a, b) => a - b);
        tree = d3.quadtree(shown, flatX, flatY);
      },
      shown: () => shown,
      move(next) {
        transform = next;
      },
      inSight: (i, spare) => x(i) > -spare && x(i) < wide + spare && y(i) > -spare && y(i) < high + spare,
      // The film drawn at a point of the box, null where there is none.
      at(px, py) {
        const i = tree.find(transform.invertX(px), transform.invertY(py), Math.max(8, side() * 0.72) / transform.k);
        return i === undefined ? null : i;
      },
      // The nearest film in a direction (dx, dy in -1, 0, 1) from film i.
      beside(i, dx, dy) {
        let best = null;
        let least = Infinity;
        for (const j of shown) {
          const along = (x(j) - x(i)) * dx + (y(j) - y(i)) * dy;
          const across = Math.abs((x(j) - x(i)) * dy) + Math.abs((y(j) - y(i)) * dx);
          if (j === i || along <= 0 || across > 2 * along) continue;
          const far = along + 2 * across;
          if (far < least) [best, least] = [j, far];
        }
        return best;
      },
      // The film nearest to the middle of the box.
      middle: () => d3.least(shown, (i) => Math.hypot(x(i) - wide / 2, y(i) - high / 2)) ?? null,
    };
  };
})(window.Page);
