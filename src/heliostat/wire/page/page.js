"use strict";
// Search: every word must occur in an operation's name, path or summary, a type's name or a code.
const search = document.getElementById("search");
const none = document.getElementById("none");
const items = [...document.querySelectorAll("[data-words]")];
const links = new Map([...document.querySelectorAll("nav [data-for]")].map((li) => [li.dataset.for, li]));

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const item of items) {
    const shown = words.every((word) => item.dataset.words.includes(word));
    item.hidden = !shown;
    found += shown;
    const link = links.get(item.id);
    if (link) link.hidden = !shown;
  }
  for (const noun of document.querySelectorAll("nav .noun")) {
    noun.hidden = words.length > 0 && !noun.querySelector("[data-for]:not([hidden])");
  }
  for (const section of document.querySelectorAll("main > section")) {
    section.hidden = words.length > 0 && !section.querySelector("[data-words]:not([hidden])");
  }
  none.hidden = found > 0;
}

search.addEventListener("input", filter);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape") {
    search.value = "";
    filter();
  }
});
// A link leads to what the search has hidden, too.
window.addEventListener("hashchange", () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.closest("[hidden]")) {
    search.value = "";
    filter();
    target.scrollIntoView();
  }
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest(".line button");
  if (!button) return;
  const code = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code); // no clipboard without TLS: select it instead
    button.textContent = "Press Ctrl-C";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});
