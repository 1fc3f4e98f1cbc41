"use strict";
// Which films pass, how many would pass each choice, and in which order they stand. Knows nothing of the page.
(function (Page) {
  if (!Page.study) return;
  const { films, count, classes, known, value, celsius } = Page.study;
  const word = (what) => (known(what) && what !== "" ? String(what) : "unknown");
  const answer = (i) => (films.right[i] ? "right" : "wrong");

  // Choices: name -> {words, of(film) -> text, said(text) -> words}. An empty set of chosen texts lets all pass.
  const FACETS = {
    truth: { words: "Grown at", of: (i) => word(films.truth[i]), said: (text) => celsius(text) },
    predicted: {
      words: "Network says",
      of: (i) => word(films.predicted[i]),
      said: (text) => (text === "unknown" ? "none" : celsius(text)),
    },
    answer: { words: "Answer", of: answer, said: (text) => (text === "right" ? "✓ right" : "✗ wrong") },
    fold: { words: "Fold", of: (i) => word(films.fold[i]), said: (text) => text },
    substrate: { words: "Substrate", of: (i) => word(value("substrate", i)), said: (text) => text },
  };
  // Ranges: name -> {words, unit, of(film) -> number or null}. A film without the number passes untouched ranges alone.
  const RANGES = {
    time: { words: "Growth time", unit: "s", of: (i) => value("seconds", i) },
    confidence: {
      words: "Confidence",
      unit: "%",
      of: (i) => (known(films.confidence[i]) ? 100 * films.confidence[i] : null),
    },
  };
  const wrongFirst = (i) => (films.right[i] ? 1 : 0);
  const last = (number) => (known(number) ? number : Infinity);
  const surest = (i) => -(films.confidence[i] ?? -Infinity);
  const ORDERS = {
    name: { words: "Name", keys: [] },
    surest: { words: "Surest first", keys: [surest] },
    unsure: { words: "Least sure first", keys: [(i) => last(films.confidence[i])] },
    mistakes: { words: "Surest mistakes first", keys: [wrongFirst, surest] },
    truth: { words: "Growth temperature", keys: [(i) => last(films.truth[i]), (i) => last(films.predicted[i])] },
    predicted: { words: "Temperature said", keys: [(i) => last(films.predicted[i]), (i) => last(films.truth[i])] },
    shortest: { words: "Shortest growth first", keys: [(i) => last(value("seconds", i))] },
    longest: { words: "Longest growth first", keys: [(i) => -(value("seconds", i) ?? -Infinity)] },
  };
  const haystacks = films.sample.map((name, i) =>
    [name, films.batch[i], value("substrate", i), value("scan", i)].filter(known).join("\n").toLowerCase(),
  );

  function choices(facet) {
    const found = new Set(d3.range(count).map(FACETS[facet].of));
    if (facet === "truth" || facet === "predicted") classes.forEach((one) => found.add(String(one)));
    if (facet === "answer") return ["right", "wrong"].filter((one) => found.has(one));
    return [...found].sort(
      (a, b) => (a === "unknown") - (b === "unknown") || a.localeCompare(b, "en", { numeric: true }),
    );
  }

  function bounds(range) {
    const [low, high] = d3.extent(d3.range(count), RANGES[range].of);
    return known(low) ? [Math.floor(low), Math.ceil(high)] : null;
  }

  // The first two conditions that film i fails, as names: enough to count what would pass without one of them.
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

  // {shown: [films], counts: {facet: Map(text -> films that pass all else)}, table: Map(pair -> films that pass all but
  // truth and answer), within: {range: [films that pass all else]}}
  function apply(filters) {
    const terms = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = { shown: [], table: new Map(), counts: {}, within: {} };
    for (const name in FACETS) found.counts[name] = new Map();
    for (const name in RANGES) found.within[name] = [];
    for (let i = 0; i < count; i++) {
      const failed = failures(i, filters, terms);
      if (!failed.length) found.shown.push(i);
      if (failed.every((name) => name === "truth" || name === "predicted"))
        add(found.table, pair(FACETS.truth.of(i), FACETS.predicted.of(i)));
      if (failed.length > 1) continue;
      for (const name in FACETS) if (!failed.length || failed[0] === name) add(found.counts[name], FACETS[name].of(i));
      for (const name in RANGES) if (!failed.length || failed[0] === name) found.within[name].push(i);
    }
    return found;
  }

  function sorted(shown, order) {
    const { keys } = ORDERS[order];
    const compare = (a, b) => {
      for (const key of keys) {
        const left = key(a);
        const right = key(b);
        if (left !== right) return left < right ? -1 : 1;
      }
      return a - b; // films stand by name
    };
    return keys.length ? [...shown].sort(compare) : shown;
  }

  const empty = () => ({
    truth: new Set(),
    predicted: new Set(),
    answer: new Set(),
    fold: new Set(),
    substrate: new Set(),
    time: null,
    confidence: null,
    text: "",
  });
  Page.filters = { FACETS, RANGES, ORDERS, choices, bounds, apply, sorted, empty, pair };
})(window.Page);
