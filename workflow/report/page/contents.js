"use strict";
// Marks in the bar at the top which part of the page is being read.
(function (Page) {
  Page.contents = function () {
    const links = [...document.querySelectorAll(".bar a")];
    const parts = links.map((link) => document.querySelector(link.getAttribute("href")));
    const mark = Page.onFrame(() => {
      const line = window.innerHeight / 3;
      const end = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
      const read = end ? parts.length - 1 : parts.findLastIndex((part) => part.getBoundingClientRect().top <= line);
      links.forEach((link, k) =>
        k === read ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"),
      );
    });
    window.addEventListener("scroll", mark, { passive: true });
    window.addEventListener("resize", mark);
    mark();
  };
})(window.Page);
