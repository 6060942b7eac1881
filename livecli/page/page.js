
"use strict";
(() => {
  const player = document.querySelector("audio");
  const picture = document.querySelector("svg[data-scale]");
  const lines = [...document.querySelectorAll("ol.transcript li[data-at]")];
  const seek = at => {
    if (!player) return;
    player.currentTime = at;
    player.play();
    show();
  };
  const show = () => {
    const at = player.currentTime;
    if (picture) {
      const head = picture.querySelector(".playhead"), x = at * Number(picture.dataset.scale) + Number(picture.dataset.left);
      head.setAttribute("x1", x);
      head.setAttribute("x2", x);
      head.removeAttribute("visibility");
    }
    const last = lines.filter(line => Number(line.dataset.at) <= at).pop();
    for (const line of lines) line.classList.toggle("now", line === last);
    if (!player.paused) requestAnimationFrame(show);
  };
  if (player) {
    player.addEventListener("play", show);
    player.addEventListener("seeked", show);
    for (const each of document.querySelectorAll("[data-at]")) {
      const go = event => { event.stopPropagation(); seek(Number(each.dataset.at)); };
      each.addEventListener("click", go);
      each.addEventListener("keydown", event => { if (event.key === "Enter") go(event); });
      if (each.tagName === "LI") each.tabIndex = 0;
    }
    if (picture) picture.addEventListener("click", event => {
      const box = picture.getBoundingClientRect(), width = picture.viewBox.baseVal.width;
      const x = (event.clientX - box.left) / box.width * width;
      seek(Math.max(0, (x - Number(picture.dataset.left)) / Number(picture.dataset.scale)));
    });
  }
  for (const form of document.querySelectorAll("form.filter")) {
    const rows = [...form.parentElement.querySelectorAll("tbody tr")];
    const filter = () => {
      const words = form.text.value.toLowerCase(), kind = form.kind.value;
      let count = 0;
      for (const row of rows) {
        const fits = (!kind || row.dataset.kind === kind) && row.textContent.toLowerCase().includes(words);
        row.hidden = !fits;
        count += fits;
      }
      form.querySelector("output").textContent = `${count} of ${rows.length}`;
    };
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", event => event.preventDefault());
    filter();
  }
})();
