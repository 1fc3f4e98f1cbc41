"use strict";
// Tables sort by any heading: largest (or A) first, then smallest, then in the original order. A blank text cell stands
// for the cell above and is filled in while a table is sorted.
(function (Page) {
  const { make } = Page;
  const MOST_FIRST = { none: "descending", descending: "ascending", ascending: "none" }; // numbers
  const LEAST_FIRST = { none: "ascending", ascending: "descending", descending: "none" }; // text

  // The first number in a cell's text ("71 ± 4", "0.62 [0.49, 0.73]", "−3", "1,024"), NaN where there is none.
  function number(text) {
    const match = /[-−+]?\d[\d,]*(\.\d+)?([eE][-+]?\d+)?/.exec(text);
    return match ? Number(match[0].replace("−", "-").replace(/,(?=\d{3})/g, "")) : NaN;
  }

  function compare(a, b, numeric, sign) {
    if (!numeric) return sign * a.localeCompare(b, "en", { numeric: true, sensitivity: "base" });
    const [left, right] = [number(a), number(b)];
    const missing = Number.isNaN(left) - Number.isNaN(right); // sorted last
    if (missing || Number.isNaN(left)) return missing;
    return sign * (left - right);
  }

  // Texts of blank cells that continue a group: [[cell, text], ...]
  function continued(rows) {
    const above = [];
    const blanks = [];
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
        blanks.push([cell, above[column]]);
      });
    }
    return blanks;
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    if (original.length < 3) return;
    const blanks = continued(original);

    function order(column, direction) {
      headings.forEach((heading, k) => {
        if (k === column && direction !== "none") heading.setAttribute("aria-sort", direction);
        else heading.removeAttribute("aria-sort");
      });
      blanks.forEach(([cell, text]) => {
        cell.textContent = direction === "none" ? "" : text;
        cell.classList.toggle("filled", direction !== "none");
      });
      table.classList.toggle("sorted", direction !== "none");
      const numeric = headings[column].classList.contains("number");
      const value = (row) => row.cells[column].textContent.trim();
      const rows =
        direction === "none"
          ? original
          : [...original].sort((a, b) => compare(value(a), value(b), numeric, direction === "ascending" ? 1 : -1));
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
