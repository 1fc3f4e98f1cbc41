"use strict";
// What is chosen on the page. It stands in the address, so that a view can be kept, sent and gone back to:
// #truth=900&answer=wrong&show=cam&film=NAME. An address without "=" is a place on the page and changes nothing.
(function (Page) {
  if (!Page.study) return;
  const { study, filters } = Page;
  const VIEWS = {
    // name -> the values that it can have, the usual one first
    view: ["grid", "map"],
    show: ["micrograph", "cam", "occlusion"],
    colour: ["truth", "predicted"],
    order: Object.keys(filters.ORDERS),
  };
  const watchers = [];
  let pushed = false; // whether the film that is open has an entry of its own in the history
  let closing = false; // whether its window was closed, and the history is on its way back

  function usual() {
    const views = Object.fromEntries(Object.entries(VIEWS).map(([name, values]) => [name, values[0]]));
    return { ...views, filters: filters.empty(), film: null };
  }

  const state = usual();
  let found = null;
  let listed = null;

  function derive() {
    found = filters.apply(state.filters);
    const next = filters.sorted(found.shown, state.order);
    const same = listed && next.length === listed.length && next.every((i, k) => i === listed[k]);
    if (!same) listed = next; // the same list is the same array, so that going back keeps the place in it
  }

  function written() {
    const words = new URLSearchParams();
    const chosen = state.filters;
    for (const name in filters.FACETS) for (const text of chosen[name]) words.append(name, text);
    for (const name in filters.RANGES) if (chosen[name]) words.append(name, chosen[name].join("-"));
    if (chosen.text) words.append("search", chosen.text);
    for (const name in VIEWS) if (state[name] !== VIEWS[name][0]) words.append(name, state[name]);
    if (state.film !== null) words.append("film", study.films.sample[state.film]);
    return words.toString();
  }

  function read(text) {
    const words = new URLSearchParams(text);
    const next = usual();
    const chosen = next.filters;
    for (const name in filters.FACETS) words.getAll(name).forEach((one) => chosen[name].add(one));
    for (const name in filters.RANGES) {
      const ends = /^(-?[\d.]+)-(-?[\d.]+)$/.exec(words.get(name) || "");
      if (ends && Number(ends[1]) <= Number(ends[2])) chosen[name] = [Number(ends[1]), Number(ends[2])];
    }
    chosen.text = words.get("search") || "";
    for (const name in VIEWS) if (VIEWS[name].includes(words.get(name))) next[name] = words.get(name);
    if (words.has("film")) next.film = study.placeOf(words.get("film"));
    return next;
  }

  const tell = (before) => watchers.forEach((act) => act(state, before));
  const isState = (hash) => hash.includes("=");

  function write(push) {
    const text = written();
    const here = location.hash.slice(1);
    if (text === here || (!text && !isState(here))) return;
    const address = text ? `#${text}` : location.pathname + location.search;
    try {
      history[push ? "pushState" : "replaceState"](null, "", address);
    } catch (error) {
      // some browsers count how often; the page goes on without the address
      pushed = false;
    }
  }
  const writeSoon = Page.later(() => write(false), 200);

  function move(next) {
    const before = { ...state };
    Object.assign(state, next);
    if ("filters" in next || "order" in next) derive();
    tell(before);
  }

  function follow() {
    const here = location.hash.slice(1);
    pushed = false;
    const next = isState(here) || !here ? read(here) : { film: null };
    if (closing) next.show = state.show; // what was chosen in the film's window stays chosen
    move(next);
    if (closing) write(false);
    closing = false;
  }

  Page.state = {
    now: state,
    watch: (act) => watchers.push(act),
    found: () => found,
    listed: () => listed, // the films that pass, in order

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

    // Press or release one choice of a facet.
    toggle(facet, text) {
      const chosen = new Set(state.filters[facet]);
      if (!chosen.delete(text)) chosen.add(text);
      Page.state.filter({ [facet]: chosen });
    },

    open(i) {
      writeSoon.flush();
      const push = state.film === null;
      move({ film: i });
      pushed = pushed || push;
      write(push);
    },
    close() {
      if (state.film === null) return;
      writeSoon.flush();
      if (pushed) {
        pushed = false;
        closing = true;
        history.back();
        return;
      }
      move({ film: null });
      write(false);
    },
    start() {
      window.addEventListener("popstate", follow);
      move(read(isState(location.hash) ? location.hash.slice(1) : ""));
    },
  };
})(window.Page);
