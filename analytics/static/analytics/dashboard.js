// Updates an open dashboard. Without it, links and forms load the whole page, which shows the same figures.
"use strict";

(function () {
  const root = document.getElementById("an-page");
  const panels = document.getElementById("an-panels");
  const words = document.getElementById("an-words").dataset;
  const state = document.getElementById("an-state");
  const aloud = document.getElementById("an-news"); // what screen readers read aloud
  const pause = document.getElementById("an-pause");
  const seconds = Number(root.dataset.seconds) || 5;
  // A response that never comes (after sleep, or on a lost connection) must not stop the updates.
  const patience = Math.max(10, 2 * seconds) * 1000;
  let isPaused = false;
  let asked = 0;
  let news = { query: null, tag: "" }; // what the page shows, so that the site need not send it again
  let answered = 0;

  // -- loading -----------------------------------------------------------------------------------------------------

  async function load(query) {
    const number = ++asked;
    panels.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(root.dataset.panels + query, {
        credentials: "same-origin",
        headers: { "X-Requested-With": "fetch", ...(news.tag && news.query === query ? { "If-None-Match": news.tag } : {}) },
        signal: AbortSignal.timeout(patience),
      });
      if (number !== asked) return; // a newer request was sent
      const html = answer.ok ? await answer.text() : "";
      if (number !== asked) return;
      // A site that redirects to its login page answers with that page.
      if (answer.status === 401 || answer.status === 403 || (answer.ok && !html.includes("data-part="))) {
        say(words.signedOut, "an-is-away");
      } else if (answer.status === 304) {
        panels.querySelector('[data-part="as_of"]').textContent = answer.headers.get("X-As-Of");
        sayWhen();
      } else if (!answer.ok) {
        say(words.failed, "an-is-away");
      } else {
        // A part that could not be shown now is asked for again.
        news = { query, tag: show(html) ? answer.headers.get("ETag") || "" : "" };
        sayWhen();
      }
    } catch (error) {
      if (number === asked) say(words.failed, "an-is-away");
    } finally {
      answered = Math.max(answered, number);
      if (number === asked) panels.setAttribute("aria-busy", "false");
    }
  }

  // The time of the site's clock, like all times on the page.
  function sayWhen() {
    const clock = panels.querySelector('[data-part="as_of"]').textContent;
    if (isPaused) say(words.paused + " " + clock, "an-is-paused");
    else say(words.asof + " " + clock, "");
  }

  function say(text, look) {
    state.textContent = text;
    root.classList.remove("an-is-away", "an-is-paused");
    if (look) root.classList.add(look);
    tellAloud(look ? text : "");
  }

  // Writes only what is new: some screen readers repeat a text that is written again.
  function tellAloud(text) {
    if (aloud.textContent !== text) aloud.textContent = text;
  }

  // -- showing -----------------------------------------------------------------------------------------------------

  // Replaces only the parts that changed, so that focus, open tables and scroll positions stay.
  // Returns whether all of it is shown.
  function show(html) {
    let isAll = true;
    const fresh = new DOMParser().parseFromString("<div>" + html + "</div>", "text/html").body.firstElementChild;
    const before = parts(panels);
    const after = parts(fresh);
    const isSame = before.size === after.size && [...after.keys()].every((name) => before.has(name));
    if (!isSame || fresh.querySelector(".an-problem") || panels.querySelector(".an-problem")) {
      panels.replaceChildren(...fresh.childNodes);
      tell(panels);
    } else {
      for (const [name, part] of after) {
        const { node, original } = before.get(name);
        if (!original || !part.isEqualNode(original)) isAll = replace(node, part) && isAll;
      }
    }
    remember();
    return isAll;
  }

  // Tells chart.js that a part is in the page.
  function tell(part) {
    part.dispatchEvent(new CustomEvent("an:shown", { bubbles: true }));
  }

  function parts(within) {
    const nodes = new Map();
    for (const node of within.querySelectorAll("[data-part]")) {
      nodes.set(node.dataset.part, within === panels ? { node, original: originals.get(node.dataset.part) } : node);
    }
    return nodes;
  }

  // Each part as the site sent it, before anything was opened or checked in it.
  const originals = new Map();
  function remember() {
    for (const node of panels.querySelectorAll("[data-part]")) {
      const original = originals.get(node.dataset.part);
      if (!original || original.node !== node) originals.set(node.dataset.part, Object.assign(node.cloneNode(true), { node }));
    }
    for (const name of [...originals.keys()]) {
      if (!panels.querySelector('[data-part="' + name + '"]')) originals.delete(name);
    }
  }

  function replace(old, fresh) {
    if (old.contains(document.activeElement) && document.activeElement.matches("[type=date]")) return false; // the user is filling it in
    const focus = old.contains(document.activeElement) ? address(old, document.activeElement) : null;
    const keys = new Set([...old.querySelectorAll("[data-key]")].map((row) => row.dataset.key));
    for (const field of old.querySelectorAll("[data-keep]")) {
      const same = fresh.querySelector('[data-keep="' + field.dataset.keep + '"]');
      if (!same) continue;
      if ("open" in field) same.open = field.open;
      if ("checked" in field) same.checked = field.checked;
    }
    const scrolled = [...old.querySelectorAll(".an-scroll")].map((box) => box.scrollTop);
    const sent = Object.assign(fresh.cloneNode(true), { node: fresh });
    old.replaceWith(fresh);
    originals.set(fresh.dataset.part, sent);
    tell(fresh);
    [...fresh.querySelectorAll(".an-scroll")].forEach((box, place) => { box.scrollTop = scrolled[place] || 0; });
    if (keys.size) {
      for (const row of fresh.querySelectorAll("[data-key]")) {
        if (!keys.has(row.dataset.key)) row.classList.add("an-new");
      }
    }
    if (!focus) return true;
    // If the row is gone, its neighbour must not get the focus: Enter would end another session.
    const target = at(fresh, focus) || fresh.querySelector(".an-scroll");
    if (target) target.focus({ preventScroll: true });
    return true;
  }

  // Identifies an element by its row, and in the row by the places of its ancestors.
  function address(top, node) {
    const path = [];
    for (; node !== top; node = node.parentElement) {
      const row = node.dataset.session || node.dataset.key;
      if (row) return { row, path };
      path.unshift([...node.parentElement.children].indexOf(node));
    }
    return { row: "", path };
  }

  function at(top, { row, path }) {
    let node = top;
    if (row) node = [...top.querySelectorAll("tr")].find((line) => (line.dataset.session || line.dataset.key) === row);
    for (const place of node ? path : []) {
      node = node.children[place];
      if (!node) return null;
    }
    return node || null;
  }

  // -- navigating without loading the whole page -------------------------------------------------------------------

  function go(query) {
    history.pushState(null, "", query);
    setNext();
    state.textContent = words.loading;
    load(location.search);
  }

  function setNext() {
    const next = document.querySelector("#an-end [name=next]"); // only a page with sessions has the form
    if (next) next.value = location.pathname + location.search;
  }

  panels.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-go]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });

  panels.addEventListener("an:go", (event) => go(event.detail));

  panels.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-go]")) return;
    event.preventDefault();
    document.activeElement.blur();
    go("?" + new URLSearchParams(new FormData(event.target)));
  });

  window.addEventListener("popstate", () => { setNext(); load(location.search); });

  document.addEventListener("click", (event) => {
    for (const menu of panels.querySelectorAll(".an-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const menu of panels.querySelectorAll(".an-menu[open]")) menu.open = false;
  });

  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? words.resume : words.pause;
    if (isPaused) sayWhen();
    else load(location.search);
  });

  setInterval(() => {
    const isIdle = answered === asked && !document.hidden && !panels.querySelector(".an-menu[open]");
    if (!isPaused && isIdle) load(location.search);
  }, seconds * 1000);

  remember();
})();
