"use strict";
(() => {
  const canvas = document.getElementById("canvas");
  const svg = canvas.querySelector("svg.lineage");
  const details = JSON.parse(document.getElementById("data").textContent);
  const whole = svg.viewBox.baseVal;
  const home = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
  const view = { x: 0, y: 0, scale: 1 };
  const boxes = new Map([...svg.querySelectorAll(".box")].map((box) => [box.dataset.key, box]));
  const lines = [...svg.querySelectorAll(".lines path")];

  svg.setAttribute("preserveAspectRatio", "xMinYMin meet");
  svg.removeAttribute("width");
  svg.removeAttribute("height");

  const limit = (value, low, high) => Math.min(high, Math.max(low, value));
  const show = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${width / view.scale} ${height / view.scale}`);
  };
  // Show the whole drawing if it stays legible, otherwise the middle of its upper part.
  const fit = (smallest) => {
    const { clientWidth: width, clientHeight: height } = canvas;
    view.scale = limit(Math.min(width / home.width, height / home.height), smallest, 1.25);
    view.x = home.x + (home.width - width / view.scale) / 2;
    view.y = home.y + Math.min(0, (home.height - height / view.scale) / 2);
    show();
  };
  const zoom = (factor, x, y) => {
    const scale = limit(view.scale * factor, 0.005, 6);
    view.x += x / view.scale - x / scale;
    view.y += y / view.scale - y / scale;
    view.scale = scale;
    show();
  };
  const centre = (box) => {
    const area = box.getBBox();
    const at = box.transform.baseVal.consolidate().matrix;
    view.scale = Math.max(view.scale, 0.7);
    view.x = at.e + area.width / 2 - canvas.clientWidth / view.scale / 2;
    view.y = at.f + area.height / 2 - canvas.clientHeight / view.scale / 2;
    show();
  };
  const choose = (key) => {
    const detail = details[key];
    const panel = document.getElementById("details");
    const title = document.createElement("h2");
    title.textContent = detail.title;
    const list = document.createElement("dl");
    for (const [name, value] of detail.rows) {
      const term = document.createElement("dt");
      const text = document.createElement("dd");
      term.textContent = name;
      text.textContent = value;
      list.append(term, text);
    }
    panel.replaceChildren(title, list);
    panel.scrollTop = 0;
    for (const [other, box] of boxes) box.classList.toggle("chosen", other === key);
    for (const line of lines) line.classList.toggle("near", line.dataset.source === key || line.dataset.target === key);
  };

  const pointers = new Map();
  let moved = false;
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.hypot(a.x - b.x, a.y - b.y) };
  };
  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    moved = false;
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const frame = canvas.getBoundingClientRect();
    const now = { x: event.clientX - frame.left, y: event.clientY - frame.top };
    if (Math.hypot(event.movementX, event.movementY) > 1 && !moved) {
      moved = true;
      canvas.setPointerCapture(event.pointerId);
      canvas.classList.add("moving");
    }
    if (pointers.size === 2) {
      const before = spread();
      pointers.set(event.pointerId, now);
      const after = spread();
      if (before.length > 0) zoom(after.length / before.length, after.x, after.y);
    } else {
      view.x -= (now.x - last.x) / view.scale;
      view.y -= (now.y - last.y) / view.scale;
      pointers.set(event.pointerId, now);
      show();
    }
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) {
    canvas.addEventListener(name, (event) => {
      pointers.delete(event.pointerId);
      canvas.classList.remove("moving");
    });
  }
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const frame = canvas.getBoundingClientRect();
    zoom(Math.exp(-limit(event.deltaY, -120, 120) / 400), event.clientX - frame.left, event.clientY - frame.top);
  }, { passive: false });
  svg.addEventListener("click", (event) => {
    const box = event.target.closest(".box");
    if (box && !moved) choose(box.dataset.key);
  });
  svg.addEventListener("keydown", (event) => {
    const box = event.target.closest(".box");
    if (box && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      choose(box.dataset.key);
    }
  });
  svg.addEventListener("focusin", (event) => {
    const box = event.target.closest(".box");
    if (box && box.matches(":focus-visible")) centre(box);
  });

  const search = document.getElementById("search");
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    svg.classList.toggle("searching", wanted !== "");
    let first = null;
    for (const [key, box] of boxes) {
      const hit = wanted !== "" && (box.getAttribute("aria-label").toLowerCase().includes(wanted) || key === wanted);
      box.classList.toggle("found", hit);
      if (hit && !first) first = box;
    }
    if (first) centre(first);
  });
  search.addEventListener("keydown", (event) => {
    const found = [...boxes].find(([, box]) => box.classList.contains("found"));
    if (event.key === "Enter" && found) choose(found[0]);
  });

  const middle = () => [canvas.clientWidth / 2, canvas.clientHeight / 2];
  document.getElementById("in").addEventListener("click", () => zoom(1.3, ...middle()));
  document.getElementById("out").addEventListener("click", () => zoom(1 / 1.3, ...middle()));
  document.getElementById("fit").addEventListener("click", () => fit(0));
  window.addEventListener("resize", show);
  fit(window.innerWidth < 720 ? 0.75 : 0.6);
})();
