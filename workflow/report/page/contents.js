"use strict";
// Highlights the section being read in the bar at the top.
(function (Page) {
  Page.contents = function () {
    const links = [...document.querySelectorAll(".bar a")];
    const sections = links.map((link) => document.querySelector(link.getAttribute("href")));
    const highlight = Page.onFrame(() => {
      const line = window.innerHeight / 3;
      const end = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
      const above = (section) => section.getBoundingClientRect().top <= line;
      const current = end ? sections.length - 1 : sections.findLastIndex(above);
      links.forEach((link, k) =>
        k === current ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"),
      );
    });
    window.addEventListener("scroll", highlight, { passive: true });
    window.addEventListener("resize", highlight);
    highlight();
  };
})(window.Page);
