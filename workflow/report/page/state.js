"use strict";
// The state of the explorer, also written into the address, so that a view can be kept and shared:
// #truth=900&outcome=wrong&show=cam&sample=NAME. An address without "=" is a section of the page and changes nothing.
(function (Page) {
  if (!Page.study) return;
  const { study, filters } = Page;
  const VIEWS = {
    // name -> its values, the default first
    view: ["grid", "map"],
    show: ["micrograph", "cam", "occlusion"],
    colour: ["truth", "predicted"],
    order: Object.keys(filters.ORDERS),
  };
  const watchers = [];
  let pushed = false; // whether the sample that is open has an entry of its own in the history
  let closing = false; // whether the window was closed and the history is going back

  function defaults() {
    const views = Object.fromEntries(Object.entries(VIEWS).map(([name, values]) => [name, values[0]]));
    return { ...views, filters: filters.empty(), sample: null };
  }

  const state = defaults();
  let result = null;
  let sorted = null;

  function derive() {
    result = filters.apply(state.filters);
    const next = filters.sorted(result.shown, state.order);
    const same = sorted && next.length === sorted.length && next.every((i, k) => i === sorted[k]);
    if (!same) sorted = next; // an equal list stays the same array, so that the grid keeps its position
  }

  function serialize() {
    const query = new URLSearchParams();
    const chosen = state.filters;
    for (const name in filters.FACETS) for (const text of chosen[name]) query.append(name, text);
    for (const name in filters.RANGES) if (chosen[name]) query.append(name, chosen[name].join("-"));
    if (chosen.text) query.append("search", chosen.text);
    for (const name in VIEWS) if (state[name] !== VIEWS[name][0]) query.append(name, state[name]);
    if (state.sample !== null) query.append("sample", study.samples.name[state.sample]);
    return query.toString();
  }

  function read(text) {
    const query = new URLSearchParams(text);
    const next = defaults();
    const chosen = next.filters;
    for (const name in filters.FACETS) query.getAll(name).forEach((one) => chosen[name].add(one));
    for (const name in filters.RANGES) {
      const ends = /^(-?[\d.]+)-(-?[\d.]+)$/.exec(query.get(name) || "");
      if (ends && Number(ends[1]) <= Number(ends[2])) chosen[name] = [Number(ends[1]), Number(ends[2])];
    }
    chosen.text = query.get("search") || "";
    for (const name in VIEWS) if (VIEWS[name].includes(query.get(name))) next[name] = query.get(name);
    if (query.has("sample")) next.sample = study.indexOf(query.get("sample"));
    return next;
  }

  const notify = (previous) => watchers.forEach((act) => act(state, previous));
  const isState = (hash) => hash.includes("=");

  function write(push) {
    const text = serialize();
    const hash = location.hash.slice(1);
    if (text === hash || (!text && !isState(hash))) return;
    const address = text ? `#${text}` : location.pathname + location.search;
    try {
      history[push ? "pushState" : "replaceState"](null, "", address);
    } catch {
      // some browsers limit how often; the page goes on without the address
      pushed = false;
    }
  }
  const writeSoon = Page.debounce(() => write(false), 200);

  function move(next) {
    const previous = { ...state };
    Object.assign(state, next);
    if ("filters" in next || "order" in next) derive();
    notify(previous);
  }

  function follow() {
    const hash = location.hash.slice(1);
    pushed = false;
    const next = isState(hash) || !hash ? read(hash) : { sample: null };
    if (closing) next.show = state.show; // keep what was chosen in the sample's window
    move(next);
    if (closing) write(false);
    closing = false;
  }

  Page.state = {
    now: state,
    watch: (act) => watchers.push(act),
    result: () => result,
    sorted: () => sorted, // the samples that pass the filters, in order

    set(next) {
      move(next);
      writeSoon();
    },
    filter(next) {
      Page.state.set({ filters: { ...state.filters, ...next } });
    },
    reset() {
      Page.state.set({ filters: filters.empty() });
    },

    // Select or deselect one choice of a facet.
    toggle(facet, text) {
      const chosen = new Set(state.filters[facet]);
      if (!chosen.delete(text)) chosen.add(text);
      Page.state.filter({ [facet]: chosen });
    },

    open(i) {
      writeSoon.flush();
      const push = state.sample === null;
      move({ sample: i });
      pushed = pushed || push;
      write(push);
    },
    close() {
      if (state.sample === null) return;
      writeSoon.flush();
      if (pushed) {
        pushed = false;
        closing = true;
        history.back();
        return;
      }
      move({ sample: null });
      write(false);
    },
    start() {
      window.addEventListener("popstate", follow);
      move(read(isState(location.hash) ? location.hash.slice(1) : ""));
    },
  };
})(window.Page);
