"use strict";
// Tables sort by any heading: most (or A) first, then least, then as they stood. A blank word means "as above", so it
// is filled in while a table is sorted.
(function (Page) {
  const { make } = Page;
  const MOST_FIRST = { none: "descending", descending: "ascending", ascending: "none" }; // numbers
  const LEAST_FIRST = { none: "ascending", ascending: "descending", descending: "none" }; // words

  // The first number in a cell's text ("71 ± 4", "0.62 [0.49, 0.73]", "−3", "1,024"), NaN where there is none.
  function number(text) {
    const found = /[-−+]?\d[\d,]*(\.\d+)?([eE][-+]?\d+)?/.exec(text);
    return found ? Number(found[0].replace("−", "-").replace(/,(?=\d{3})/g, "")) : NaN;
  }

  function compare(a, b, numeric, sign) {
    if (!numeric) return sign * a.localeCompare(b, "en", { numeric: true, sensitivity: "base" });
    const [left, right] = [number(a), number(b)];
    const nothing = Number.isNaN(left) - Number.isNaN(right); // stands last
    if (nothing || Number.isNaN(left)) return nothing;
    return sign * (left - right);
  }

  // Words of blank cells that continue a group: [[row, column, word], ...]
  function continued(rows) {
    const above = [];
    const found = [];
    for (const row of rows) {
      let joined = true;
      [...row.cells].forEach((cell, column) => {
        const text = cell.textContent.trim();
        if (cell.classList.contains("number") || !joined) {
          above[column] = text;
          return;
        }
        if (text || !above[column]) {
          joined = false;
          above[column] = text;
          return;
        }
        found.push([cell, above[column]]);
      });
    }
    return found;
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    if (original.length < 3) return;
    const blanks = continued(original);

    function order(column, way) {
      headings.forEach((heading, k) => {
        if (k === column && way !== "none") heading.setAttribute("aria-sort", way);
        else heading.removeAttribute("aria-sort");
      });
      blanks.forEach(([cell, word]) => {
        cell.textContent = way === "none" ? "" : word;
        cell.classList.toggle("filled", way !== "none");
      });
      table.classList.toggle("sorted", way !== "none");
      const numeric = headings[column].classList.contains("number");
      const text = (row) => row.cells[column].textContent.trim();
      const rows =
        way === "none"
          ? original
          : [...original].sort((a, b) => compare(text(a), text(b), numeric, way === "ascending" ? 1 : -1));
      body.append(...rows);
    }

    headings.forEach((heading, column) => {
      const numeric = heading.classList.contains("number");
      const button = make("button", { type: "button", title: "Sort" }, ...heading.childNodes);
      const next = numeric ? MOST_FIRST : LEAST_FIRST;
      button.addEventListener("click", () => order(column, next[heading.getAttribute("aria-sort") || "none"]));
      heading.append(button);
    });
  }

  Page.tables = () => document.querySelectorAll("table.sortable").forEach(sortable);
})(window.Page);
