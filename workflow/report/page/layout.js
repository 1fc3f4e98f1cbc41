"use strict";
// The positions of the samples on the map. Both axes have the same scale, so that distances are true.
(function (Page) {
  if (!Page.study) return;
  const { samples, count, known } = Page.study;
  const LEAST = 9;
  const MOST = 46;
  const LARGEST = 150;
  const GROWTH = 0.65; // sides of thumbnails in pixels; side ~ zoom ** GROWTH

  Page.layout = function () {
    const placed = samples.x ? d3.range(count).filter((i) => known(samples.x[i]) && known(samples.y[i])) : [];
    let scale = 1;
    let midX = 0;
    let midY = 0;
    let wide = 1;
    let high = 1;
    let base = LEAST;
    let transform = d3.zoomIdentity;
    let shown = [];
    let tree = d3.quadtree();

    const flatX = (i) => wide / 2 + (samples.x[i] - midX) * scale;
    const flatY = (i) => high / 2 - (samples.y[i] - midY) * scale;
    const x = (i) => transform.applyX(flatX(i));
    const y = (i) => transform.applyY(flatY(i));
    const side = () => Math.min(LARGEST, base * Math.pow(transform.k, GROWTH));

    return {
      placed,
      x,
      y,
      side,
      // Fit the samples into a box, in pixels.
      fit(width, height) {
        [wide, high] = [width, height];
        const [x0, x1] = d3.extent(placed, (i) => samples.x[i]);
        const [y0, y1] = d3.extent(placed, (i) => samples.y[i]);
        base = Math.min(MOST, Math.max(LEAST, 0.8 * Math.sqrt((width * height) / Math.max(1, placed.length))));
        const room = base + 44;
        scale = Math.min((width - room) / Math.max(x1 - x0, 1e-9), (height - room) / Math.max(y1 - y0, 1e-9));
        [midX, midY] = [(x0 + x1) / 2, (y0 + y1) / 2];
        this.show(shown);
      },
      // Set the samples shown as thumbnails; the others are dots.
      show(list) {
        shown = list.filter((i) => known(samples.x[i]) && known(samples.y[i])).sort((a, b) => a - b);
        tree = d3.quadtree(shown, flatX, flatY);
      },
      shown: () => shown,
      move(next) {
        transform = next;
      },
      inSight: (i, spare) => x(i) > -spare && x(i) < wide + spare && y(i) > -spare && y(i) < high + spare,
      // The sample drawn at a point of the box, null where there is none.
      at(px, py) {
        const i = tree.find(transform.invertX(px), transform.invertY(py), Math.max(8, side() * 0.72) / transform.k);
        return i === undefined ? null : i;
      },
      // The nearest sample in a direction (dx, dy in -1, 0, 1) from sample i.
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
      // The sample nearest to the middle of the box.
      middle: () => d3.least(shown, (i) => Math.hypot(x(i) - wide / 2, y(i) - high / 2)) ?? null,
    };
  };
})(window.Page);
