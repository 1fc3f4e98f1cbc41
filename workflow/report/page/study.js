"use strict";
// What window.STUDY says, in words. A film is a number, its place in every column; null is "not known".
(function (Page) {
  const raw = window.STUDY;
  if (!raw) return;
  const films = raw.films;
  const known = (value) => value !== null && value !== undefined;
  const percent = (share) => (known(share) ? `${Math.round(100 * share)} %` : "unknown");
  const celsius = (value) => (known(value) ? `${value} °C` : "no answer");
  const places = new Map(films.sample.map((name, i) => [name, i]));

  Page.study = {
    raw,
    films,
    count: films.sample.length,
    classes: raw.classes,
    known,
    percent,
    celsius,
    placeOf: (name) => (places.has(name) ? places.get(name) : null),
    value: (column, i) => (films[column] ? films[column][i] : null),
    has: (column) => Boolean(films[column]) && films[column].some(known),
    // "3.2 s", "unknown"
    measured: (value, unit) => (known(value) ? `${Number(value).toLocaleString("en")} ${unit}` : "unknown"),

    // One sentence that says what the network said of a film, and how it was grown.
    sentence(i) {
      const sure = known(films.confidence[i]) ? `, ${percent(films.confidence[i])} sure` : "";
      return (
        `Grown at ${celsius(films.truth[i])}, the network says ${celsius(films.predicted[i])}${sure}: ` +
        `${films.right[i] ? "right" : "wrong"}.`
      );
    },

    // Why a map is not drawn, or "" where it is. kind: cam or occlusion.
    flag(kind, i) {
      const flags = films[`${kind}_flag`];
      if (!flags || !flags[i]) return "";
      return (
        {
          "all zero": "The map is zero everywhere: it says nothing.",
          "not finite": "The map holds values that are no numbers: it says nothing.",
        }[flags[i]] || `Not drawn: ${flags[i]}.`
      );
    },
  };
})(window.Page);
