// Shows the exact figures of a point of a chart, and leads to the days that were clicked, dragged over or entered.
// The figures and addresses are those of the table beneath the chart, so that it has nothing to add up or to format.
"use strict";

(function () {
  // The points that have been chosen, by the part of the page, since parts are replaced while the page is open.
  const chosen = new Map();
  let dragged = null; // where the pointer went down: the chart and its point

  const partOf = (point) => point.closest("section");
  const tableOf = (point) => partOf(point).querySelector("table[data-figures]");
  const rowsOf = (point) => tableOf(point).tBodies[0].rows;
  const nameOf = (point) => partOf(point).dataset.part || "";
  const share = (point, places) => (100 * places) / Number(point.dataset.places) + "%";

  function placeOf(point, event) {
    const box = point.getBoundingClientRect();
    const place = Math.floor(((event.clientX - box.left) / box.width) * Number(point.dataset.places));
    return Math.min(Math.max(place, 0), rowsOf(point).length - 1);
  }

  function figures(point, place) {
    const titles = tableOf(point).tHead.rows[0].cells;
    const cells = [...rowsOf(point)[place].cells].map((cell, number) => [titles[number].textContent, cell.textContent.trim()]);
    const [[, when], ...rest] = cells;
    return { when, rest: rest.filter(([, value]) => value && value !== "—") };
  }

  function show(point, place) {
    if (!rowsOf(point)[place]) return hide(point);
    const { when, rest } = figures(point, place);
    const tip = point.querySelector(".an-tip");
    const lines = rest.map(([title, value]) => {
      const line = document.createElement("span");
      line.textContent = title + " " + value;
      return line;
    });
    const head = document.createElement("b");
    head.textContent = when;
    tip.replaceChildren(head, ...lines);
    tip.hidden = false;
    tip.classList.toggle("an-tip-left", place > Number(point.dataset.places) / 2);
    point.style.setProperty("--an-x", share(point, place + 0.5));
    point.classList.add("an-shown");
    point.classList.toggle("an-clickable", Boolean(rowsOf(point)[place].querySelector("a[data-go]")));
    point.setAttribute("aria-valuenow", String(place + 1));
    point.setAttribute("aria-valuetext", when + ": " + rest.map((pair) => pair.join(" ")).join(", "));
    chosen.set(nameOf(point), place);
  }

  function hide(point) {
    point.querySelector(".an-tip").hidden = true;
    point.classList.remove("an-shown", "an-clickable");
    chosen.delete(nameOf(point));
  }

  // Leads to the days from one point to another.
  function go(point, first, last) {
    const links = [first, last].map((place) => rowsOf(point)[place].querySelector("a[data-go]"));
    if (!links[0] || !links[1]) return;
    const query = new URLSearchParams(links[0].getAttribute("href"));
    query.set("to", new URLSearchParams(links[1].getAttribute("href")).get("to"));
    point.dispatchEvent(new CustomEvent("an:go", { bubbles: true, detail: "?" + query }));
  }

  function mark(point, first, last) {
    point.style.setProperty("--an-from", share(point, first));
    point.style.setProperty("--an-width", share(point, last - first + 1));
    point.classList.toggle("an-dragging", first !== last);
  }

  function on(name, act) {
    document.addEventListener(name, (event) => {
      const point = event.target.closest && event.target.closest(".an-point");
      if (point && rowsOf(point).length) act(point, event);
    });
  }

  on("pointermove", (point, event) => {
    const place = placeOf(point, event);
    show(point, place);
    if (dragged && dragged.point === point) mark(point, Math.min(dragged.place, place), Math.max(dragged.place, place));
  });

  on("pointerdown", (point, event) => {
    const place = placeOf(point, event);
    const isKnown = event.pointerType !== "touch" || chosen.get(nameOf(point)) === place;
    if (!event.button && isKnown) dragged = { point, place }; // the first touch of a point only shows it
    show(point, place);
  });

  on("pointerup", (point, event) => {
    if (!dragged || dragged.point !== point) return;
    const [first, last] = [dragged.place, placeOf(point, event)].sort((a, b) => a - b);
    mark(point, 0, 0);
    go(point, first, last);
  });

  document.addEventListener("pointerup", () => { dragged = null; });
  document.addEventListener("pointercancel", () => {
    if (dragged) mark(dragged.point, 0, 0);
    dragged = null;
  });

  on("pointerout", (point, event) => {
    const isInside = point.contains(event.relatedTarget); // from the point to its own line
    if (!isInside && event.pointerType !== "touch" && document.activeElement !== point) hide(point);
  });

  on("keydown", (point, event) => {
    const end = rowsOf(point).length - 1;
    const place = chosen.has(nameOf(point)) ? chosen.get(nameOf(point)) : end;
    const to = {
      ArrowLeft: place - 1, ArrowDown: place - 1, ArrowRight: place + 1, ArrowUp: place + 1,
      PageDown: place - 7, PageUp: place + 7, Home: 0, End: end,
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      show(point, Math.min(Math.max(to, 0), end));
    } else if (event.key === "Enter") go(point, place, place);
    else if (event.key === "Escape") hide(point);
  });

  on("focusin", (point) => { if (!chosen.has(nameOf(point))) show(point, rowsOf(point).length - 1); });
  // A part that is replaced loses the focus as well, but its point stays chosen.
  on("focusout", (point) => setTimeout(() => { if (point.isConnected) hide(point); }));

  // Without scripts a chart has no points to choose: they stay hidden.
  function enhance(within) {
    for (const point of within.querySelectorAll(".an-point")) {
      const place = chosen.get(nameOf(point));
      point.hidden = false;
      if (place !== undefined) show(point, place);
    }
  }

  document.addEventListener("an:shown", (event) => enhance(event.target));
  enhance(document);
})();
