"use strict";
// Selects and sorts samples, and counts how many each choice would leave; independent of the page.
(function (Page) {
  if (!Page.study) return;
  const { data, samples, count, classes, known, value, target, labelled, title } = Page.study;
  const text = (datum) => (known(datum) && datum !== "" ? String(datum) : "unknown");
  const outcome = (i) => (samples.correct[i] ? "correct" : "wrong");

  // Choices: name -> {title, of(sample) -> value, label(value) -> text}. An empty set of chosen values lets all pass.
  const FACETS = {
    truth: { title: `True ${target}`, of: (i) => text(samples.truth[i]), label: labelled },
    predicted: {
      title: `Predicted ${target}`,
      of: (i) => text(samples.predicted[i]),
      label: (one) => (one === "unknown" ? "none" : labelled(one)),
    },
    outcome: {
      title: "Prediction",
      of: outcome,
      label: (value) => (value === "correct" ? "✓ correct" : "✗ wrong"),
    },
    fold: { title: "Fold", of: (i) => text(samples.fold[i]), label: (value) => value },
  };
  const texts = data.metadata.filter((one) => !one.number);
  const numbers = data.metadata.filter((one) => one.number);
  for (const { column, name } of texts)
    FACETS[column] = { title: title(name), of: (i) => text(value(column, i)), label: (one) => one };
  // Ranges: name -> {title, unit, of(sample) -> number or null}. A sample without the number passes a range that is not
  // set.
  const RANGES = {
    confidence: {
      title: "Confidence",
      unit: "%",
      of: (i) => (known(samples.confidence[i]) ? 100 * samples.confidence[i] : null),
    },
  };
  for (const { column, name, unit } of numbers)
    RANGES[column] = { title: title(name), unit, of: (i) => value(column, i) };
  const wrongFirst = (i) => (samples.correct[i] ? 1 : 0);
  const last = (number) => (known(number) ? number : Infinity);
  const byConfidence = (i) => -(samples.confidence[i] ?? -Infinity);
  const ORDERS = {
    name: { title: "Name", keys: [] },
    confident: { title: "Highest confidence first", keys: [byConfidence] },
    uncertain: { title: "Lowest confidence first", keys: [(i) => last(samples.confidence[i])] },
    errors: { title: "Most confident errors first", keys: [wrongFirst, byConfidence] },
    truth: { title: `True ${target}`, keys: [(i) => last(samples.truth[i]), (i) => last(samples.predicted[i])] },
    predicted: {
      title: `Predicted ${target}`,
      keys: [(i) => last(samples.predicted[i]), (i) => last(samples.truth[i])],
    },
  };
  for (const { column, name } of numbers) {
    ORDERS[`${column}_up`] = { title: `${title(name)}, lowest first`, keys: [(i) => last(value(column, i))] };
    ORDERS[`${column}_down`] = {
      title: `${title(name)}, highest first`,
      keys: [(i) => -(value(column, i) ?? -Infinity)],
    };
  }
  const haystacks = samples.name.map((name, i) =>
    [name, samples.batch[i], ...texts.map((one) => value(one.column, i)), value("scan", i)]
      .filter(known)
      .join("\n")
      .toLowerCase(),
  );

  function choices(facet) {
    const values = new Set(d3.range(count).map(FACETS[facet].of));
    if (facet === "truth" || facet === "predicted") classes.forEach((one) => values.add(String(one)));
    if (facet === "outcome") return ["correct", "wrong"].filter((one) => values.has(one));
    return [...values].sort(
      (a, b) => (a === "unknown") - (b === "unknown") || a.localeCompare(b, "en", { numeric: true }),
    );
  }

  // Lowest and highest value, rounded to steps: of one, or less where the values are close.
  function bounds(range) {
    const [low, high] = d3.extent(d3.range(count), RANGES[range].of);
    if (!known(low)) return null;
    const step = high > low ? Math.min(1, 10 ** Math.floor(Math.log10((high - low) / 20))) : 1;
    const rounded = (steps) => Number((steps * step).toPrecision(12));
    return { low: rounded(Math.floor(low / step)), high: rounded(Math.ceil(high / step)), step };
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
    ...Object.fromEntries(Object.keys(FACETS).map((name) => [name, new Set()])),
    ...Object.fromEntries(Object.keys(RANGES).map((name) => [name, null])),
    text: "",
  });
  Page.filters = { FACETS, RANGES, ORDERS, texts, numbers, choices, bounds, apply, sorted, empty, pair };
})(window.Page);
