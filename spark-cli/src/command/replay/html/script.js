"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = document.getElementById("at");
  const plots = [...document.querySelectorAll("svg.plot")];
  let place = -1;
  const show = (next) => {
    place = Math.max(0, Math.min(data.times.length - 1, next));
    const x = data.places[place] + "%";
    for (const line of document.querySelectorAll("line.cross")) {
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
      line.style.visibility = "visible";
    }
    at.replaceChildren();
    const add = (tag, text) => at.appendChild(document.createElement(tag)).textContent = text;
    add("b", data.times[place]);
    for (const row of data.rows) {
      const cell = row.cells[place];
      if (cell) add("span", row.name + " " + cell);
    }
    at.hidden = false;
  };
  const hide = () => {
    at.hidden = true;
    place = -1;
    for (const line of document.querySelectorAll("line.cross")) line.style.visibility = "hidden";
  };
  const find = (share) => {
    let low = 0, high = data.places.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (data.places[middle] <= share) low = middle; else high = middle - 1;
    }
    return low;
  };
  for (const plot of plots) {
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      if (box.width > 0) show(find((event.clientX - box.left) / box.width * 100));
    });
    plot.addEventListener("pointerleave", hide);
  }
  document.addEventListener("keydown", (event) => {
    if (place < 0) return;
    if (event.key === "ArrowRight") show(place + 1);
    else if (event.key === "ArrowLeft") show(place - 1);
    else if (event.key === "Escape") hide();
    else return;
    event.preventDefault();
  });
})();
