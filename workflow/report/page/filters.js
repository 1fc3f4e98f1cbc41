"use strict";
// Selects and sorts samples, and counts how many each choice would leave; independent of the page.
(function (Page) {
  if (!Page.study) return;
  const { samples, count, classes, known, value, celsius } = Page.study;
  const text = (datum) => (known(datum) && datum !== "" ? String(datum) : "unknown");
  const outcome = (i) => (samples.correct[i] ? "correct" : "wrong");

  // Choices: name -> {title, of(sample) -> value, label(value) -> text}. An empty set of chosen values lets all pass.
  const FACETS = {
    truth: { title: "True temperature", of: (i) => text(samples.truth[i]), label: celsius },
    predicted: {
      title: "Predicted temperature",
      of: (i) => text(samples.predicted[i]),
      label: (value) => (value === "unknown" ? "none" : celsius(value)),
    },
    outcome: {
      title: "Prediction",
      of: outcome,
      label: (value) => (value === "correct" ? "✓ correct" : "✗ wrong"),
    },
    fold: { title: "Fold", of: (i) => text(samples.fold[i]), label: (value) => value },
    substrate: { title: "Substrate", of: (i) => text(value("substrate", i)), label: (name) => name },
  };
  // Ranges: name -> {title, unit, of(sample) -> number or null}. A sample without the number passes a range that is not
  // set.
  const RANGES = {
    time: { title: "Growth time", unit: "s", of: (i) => value("growth_seconds", i) },
    confidence: {
      title: "Confidence",
      unit: "%",
      of: (i) => (known(samples.confidence[i]) ? 100 * samples.confidence[i] : null),
    },
  };
  const wrongFirst = (i) => (samples.correct[i] ? 1 : 0);
  const last = (number) => (known(number) ? number : Infinity);
  const byConfidence = (i) => -(samples.confidence[i] ?? -Infinity);
  const ORDERS = {
    name: { title: "Name", keys: [] },
    confident: { title: "Highest confidence first", keys: [byConfidence] },
    uncertain: { title: "Lowest confidence first", keys: [(i) => last(samples.confidence[i])] },
    errors: { title: "Most confident errors first", keys: [wrongFirst, byConfidence] },
    truth: { title: "True temperature", keys: [(i) => last(samples.truth[i]), (i) => last(samples.predicted[i])] },
    predicted: {
      title: "Predicted temperature",
      keys: [(i) => last(samples.predicted[i]), (i) => last(samples.truth[i])],
    },
    shortest: { title: "Shortest growth first", keys: [(i) => last(value("growth_seconds", i))] },
    longest: { title: "Longest growth first", keys: [(i) => -(value("growth_seconds", i) ?? -Infinity)] },
  };
  const haystacks = samples.name.map((name, i) =>
    [name, samples.batch[i], value("substrate", i), value("scan", i)].filter(known).join("\n").toLowerCase(),
  );

  function choices(facet) {
    const values = new Set(d3.range(count).map(FACETS[facet].of));
    if (facet === "truth" || facet === "predicted") classes.forEach((one) => values.add(String(one)));
    if (facet === "outcome") return ["correct", "wrong"].filter((one) => values.has(one));
    return [...values].sort(
      (a, b) => (a === "unknown") - (b === "unknown") || a.localeCompare(b, "en", { numeric: true }),
    );
  }

  function bounds(range) {
    const [low, high] = d3.extent(d3.range(count), RANGES[range].of);
    return known(low) ? [Math.floor(low), Math.ceil(high)] : null;
  }

  // The first two conditions that sample i fails, as names: enough to count what would pass without one of them.
  function failures(i, filters, terms) {
    const failed = [];
    for (const name in FACETS) if (filters[name].size && !filters[name].has(FACETS[name].of(i))) failed.push(name);
    for (const name in RANGES) {
      if (!filters[name]) continue;
      const number = RANGES[name].of(i);
      if (!known(number) || number < filters[name][0] || number > filters[name][1]) failed.push(name);
    }
    if (!terms.every((term) => haystacks[i].includes(term))) failed.push("text");
    return failed;
  }

  const add = (map, key) => map.set(key, (map.get(key) || 0) + 1);
  const pair = (truth, predicted) => `${truth}\n${predicted}`;

  // {shown: [samples], counts: {facet: Map(value -> number that pass all other filters)}, within: {range: [samples that
  // pass all other filters]}, table: Map(pair -> number that pass all filters but those of truth and prediction)}
  function apply(filters) {
    const terms = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
    const result = { shown: [], table: new Map(), counts: {}, within: {} };
    for (const name in FACETS) result.counts[name] = new Map();
    for (const name in RANGES) result.within[name] = [];
    for (let i = 0; i < count; i++) {
      const failed = failures(i, filters, terms);
      if (!failed.length) result.shown.push(i);
      if (failed.every((name) => name === "truth" || name === "predicted"))
        add(result.table, pair(FACETS.truth.of(i), FACETS.predicted.of(i)));
      if (failed.length > 1) continue;
      for (const name in FACETS) if (!failed.length || failed[0] === name) add(result.counts[name], FACETS[name].of(i));
      for (const name in RANGES) if (!failed.length || failed[0] === name) result.within[name].push(i);
    }
    return result;
  }

  function sorted(shown, order) {
    const { keys } = ORDERS[order];
    const compare = (a, b) => {
      for (const key of keys) {
        const left = key(a);
        const right = key(b);
        if (left !== right) return left < right ? -1 : 1;
      }
      return a - b; // samples are sorted by name
    };
    return keys.length ? [...shown].sort(compare) : shown;
  }

  const empty = () => ({
    truth: new Set(),
    predicted: new Set(),
    outcome: new Set(),
    fold: new Set(),
    substrate: new Set(),
    time: null,
    confidence: null,
    text: "",
  });
  Page.filters = { FACETS, RANGES, ORDERS, choices, bounds, apply, sorted, empty, pair };
})(window.Page);
