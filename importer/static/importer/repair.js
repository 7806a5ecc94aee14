// Pastes a column of a spreadsheet downwards into the inputs of a column. Without this script, one cell at a time.
"use strict";

document.addEventListener("paste", (event) => {
  const target = event.target;
  if (!(target instanceof HTMLElement) || !target.matches(".im-grid .im-cell")) return;
  const lines = event.clipboardData.getData("text/plain").replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n");
  if (lines.length < 2 || target.tagName === "TEXTAREA") return;
  event.preventDefault();
  const column = [...document.querySelectorAll(`.im-grid .im-cell[data-column="${target.dataset.column}"]`)];
  column.slice(column.indexOf(target), column.indexOf(target) + lines.length).forEach((cell, number) => {
    cell.value = lines[number].split("\t")[0];
  });
});
