"use strict";
// Reads window.STUDY. A sample is its index in every column; null is a missing value.
(function (Page) {
  const data = window.STUDY;
  if (!data) return;
  const samples = data.samples;
  const known = (value) => value !== null && value !== undefined;
  const percent = (share) => (known(share) ? `${Math.round(100 * share)} %` : "unknown");
  const { name, unit, classes, labels } = data.target;
  const KINDS = { cam: "CAM", occlusion: "Occlusion" };
  // A class is its value, as a number or as text.
  const position = new Map(classes.map((value, k) => [String(value), k]));
  const label = (value) => labels[position.get(String(value))];
  const withUnit = (text, of) => [text, of].filter(Boolean).join(" ");
  const index = new Map(samples.name.map((name, i) => [name, i]));

  Page.study = {
    data,
    samples,
    count: samples.name.length,
    things: samples.film ? "scans" : "samples", // what is counted
    films: samples.film ? new Set(samples.film).size : null, // where some have several scans
    classes,
    // Overlays and their names, in the order of the study.
    kinds: Object.fromEntries(Object.keys(data.overlays).map((kind) => [kind, KINDS[kind]])),
    target: name,
    unit,
    known,
    percent,
    label: (value) => label(value) ?? "none",
    labelled: (value) => (known(value) ? withUnit(label(value), unit) : "no prediction"),
    title: (text) => text.charAt(0).toUpperCase() + text.slice(1),
    indexOf: (name) => index.get(name) ?? null,
    value: (column, i) => (samples[column] ? samples[column][i] : null),
    // "3.2 s", "unknown"
    measured: (value, of) => (known(value) ? withUnit(Number(value).toLocaleString("en"), of) : "unknown"),

    // True and predicted class in one sentence.
    sentence(i) {
      const confidence = known(samples.confidence[i]) ? ` (confidence ${percent(samples.confidence[i])})` : "";
      return (
        `True ${Page.study.labelled(samples.truth[i])}, predicted ` +
        `${Page.study.labelled(samples.predicted[i])}${confidence}: ` +
        `${samples.correct[i] ? "correct" : "wrong"}.`
      );
    },

    // Why a map is not drawn, or "" where it is. kind: cam or occlusion.
    flag(kind, i) {
      const flags = samples[`${kind}_flag`];
      if (!flags || !flags[i]) return "";
      return (
        {
          "all zero": "The map is zero everywhere.",
          "not finite": "The map has values that are not finite.",
        }[flags[i]] || `Not drawn: ${flags[i]}.`
      );
    },
  };
})(window.Page);
