/* Looks every two seconds how far a job is, and loads the page anew when it has moved on. */
(() => {
  "use strict";
  const box = document.querySelector("[data-progress]");
  if (!box) return;
  let mark = "";

  const again = () => setTimeout(look, document.hidden ? 15000 : 2000);

  async function look() {
    try {
      const headers = mark ? { "If-None-Match": mark } : {};
      const answer = await fetch(box.dataset.progress, { headers, cache: "no-store", redirect: "error" });
      if (answer.status === 200) {
        if (answer.headers.get("Phase") !== box.dataset.phase) {
          location.reload();
          return;
        }
        mark = answer.headers.get("ETag") || "";
        box.innerHTML = await answer.text();
      } else if (answer.status !== 304 && answer.status < 500) {
        return; // signed out, or the job is gone
      }
    } catch {
      // The network is away; look again.
    }
    again();
  }

  again();
})();
