"use strict";
// Reads window.STUDY. A sample is its index in every column; null is a missing value.
(function (Page) {
  const data = window.STUDY;
  if (!data) return;
  const samples = data.samples;
  const known = (value) => value !== null && value !== undefined;
  const percent = (share) => (known(share) ? `${Math.round(100 * share)} %` : "unknown");
  const celsius = (value) => (known(value) ? `${value} °C` : "no prediction");
  const index = new Map(samples.name.map((name, i) => [name, i]));

  Page.study = {
    data,
    samples,
    count: samples.name.length,
    classes: data.classes,
    known,
    percent,
    celsius,
    indexOf: (name) => index.get(name) ?? null,
    value: (column, i) => (samples[column] ? samples[column][i] : null),
    // "3.2 s", "unknown"
    measured: (value, unit) => (known(value) ? `${Number(value).toLocaleString("en")} ${unit}` : "unknown"),

    // True and predicted temperature in one sentence.
    sentence(i) {
      const confidence = known(samples.confidence[i]) ? ` (confidence ${percent(samples.confidence[i])})` : "";
      return (
        `True ${celsius(samples.truth[i])}, predicted ${celsius(samples.predicted[i])}${confidence}: ` +
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
