"use strict";
// The training curve of the network of one fold: losses above, validation accuracy below, the selected epoch.
(function (Page) {
  if (!Page.study) return;
  const { make, makeSvg, study } = Page;
  const WIDE = 440;
  const LEFT = 40;
  const RIGHT = 92;
  const TOP = 18;
  const LOSS = 130;
  const GAP = 30;
  const SHARE = 70;
  const FEW = 40;
  const LINES = [
    // key, label, class, panel
    ["train_loss", "training", "train", "loss"],
    ["validation_loss", "validation", "validation", "loss"],
    ["validation_accuracy", "validation", "validation", "accuracy"],
  ];

  function axes(svg, x, panels) {
    const ticks = x.ticks(6).filter(Number.isInteger);
    d3.select(svg)
      .append("g")
      .attr("class", "axis-of-curve")
      .attr("transform", `translate(0,${panels.accuracy.range()[0]})`)
      .call(d3.axisBottom(x).tickValues(ticks).tickFormat(d3.format("d")).tickSize(3));
    for (const [name, label, format] of [
      ["loss", "loss", d3.format("~g")],
      ["accuracy", "accuracy", (share) => `${100 * share} %`],
    ]) {
      d3.select(svg)
        .append("g")
        .attr("class", "axis-of-curve")
        .attr("transform", `translate(${LEFT},0)`)
        .call(
          d3
            .axisLeft(panels[name])
            .ticks(name === "loss" ? 4 : 3)
            .tickFormat(format)
            .tickSize(3),
        );
      svg.append(
        makeSvg("text", { class: "panel-of-curve", x: LEFT + 6, y: panels[name].range()[1] - 5, text: label }),
      );
    }
    svg.append(
      makeSvg("text", {
        class: "panel-of-curve",
        x: WIDE - RIGHT + 6,
        y: panels.accuracy.range()[0] + 14,
        text: "epoch",
      }),
    );
  }

  function line(svg, x, y, epochs, values, [, label, kind]) {
    const points = epochs.map((epoch, k) => [epoch, values[k]]).filter(([, value]) => study.known(value));
    if (!points.length) return null;
    svg.append(
      makeSvg("path", {
        class: `curve ${kind}`,
        d: d3.line(
          ([epoch]) => x(epoch),
          ([, value]) => y(value),
        )(points),
      }),
    );
    if (points.length <= FEW) {
      points.forEach(([epoch, value]) =>
        svg.append(makeSvg("circle", { class: `dot ${kind}`, cx: x(epoch), cy: y(value), r: 2.5 })),
      );
    }
    const [epoch, value] = points[points.length - 1];
    return {
      text: makeSvg("text", { class: `end ${kind}`, x: x(epoch) + 7, y: y(value) + 4, text: label }),
      at: y(value) + 4,
    };
  }

  // The training curve of a fold as a figure, or a sentence where there is none.
  Page.curve = function (fold) {
    const given = (study.data.curves || {})[String(fold)];
    if (!given || !given.epoch.length) return make("p", { class: "note", text: "There is no training curve." });
    const losses = given.train_loss.concat(given.validation_loss).filter(study.known);
    const x = d3.scaleLinear(d3.extent(given.epoch), [LEFT + 8, WIDE - RIGHT]);
    const bottom = TOP + LOSS + GAP + SHARE;
    const panels = {
      loss: d3.scaleLinear([0, d3.max(losses) || 1], [TOP + LOSS, TOP]).nice(4),
      accuracy: d3.scaleLinear([0, 1], [bottom, bottom - SHARE]),
    };
    const kept = study.known(given.kept) ? `, epoch ${given.kept} selected` : "";
    const svg = makeSvg("svg", {
      class: "learning",
      viewBox: `0 0 ${WIDE} ${bottom + 24}`,
      role: "img",
      "aria-label": `Training curve of fold ${fold}: ${given.epoch.length} epochs${kept}`,
    });
    axes(svg, x, panels);
    if (study.known(given.kept)) {
      svg.append(
        makeSvg("line", { class: "kept", x1: x(given.kept), x2: x(given.kept), y1: TOP - 4, y2: bottom }),
        makeSvg("text", {
          class: "kept-label",
          x: x(given.kept),
          y: TOP - 8,
          "text-anchor": "middle",
          text: `selected epoch: ${given.kept}`,
        }),
      );
    }
    const ends = LINES.map((one) => line(svg, x, panels[one[3]], given.epoch, given[one[0]] || [], one));
    if (ends[0] && ends[1] && Math.abs(ends[0].at - ends[1].at) < 13) {
      // keep labels of close ends apart
      const [upper, lower] = ends[0].at <= ends[1].at ? [ends[0], ends[1]] : [ends[1], ends[0]];
      const mid = (upper.at + lower.at) / 2;
      upper.text.setAttribute("y", mid - 6.5);
      lower.text.setAttribute("y", mid + 6.5);
    }
    svg.append(...ends.filter(Boolean).map((one) => one.text));
    return make("figure", { class: "curve-figure" }, svg);
  };
})(window.Page);
