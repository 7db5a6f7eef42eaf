"use strict";
/* What all pages share: the theme, charts in its colours, numbers in words, data that are loaded
   only when asked for, and the state of the view in the address. */
const headwater = (() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

  /* --- charts ------------------------------------------------------------------------------ */
  const figures = new Map(), waiting = new Set();

  function painted({ data, layout }) {
    const [ink, soft, grid, line, ground] = ["ink", "soft", "grid", "line", "ground"].map(colour);
    const axis = (own = {}) => ({
      gridcolor: grid, linecolor: line, zerolinecolor: soft, tickcolor: line, ...own,
      tickfont: { color: own.ticktext ? ink : soft, size: own.ticktext ? 13 : 12 },
      ...(own.title && { title: { ...own.title, font: { color: soft, size: 12 } } }),
      ...(own.minor && { minor: { ...own.minor, gridcolor: grid } }),
    });
    const traces = data.map((trace) => {
      if (trace.type === "heatmap") {
        return {
          ...trace, colorscale: [[0, colour("heat-low")], [1, colour("heat-high")]],
          textfont: { color: ink, size: 12 },
        };
      }
      if (!trace.meta) return trace;
      const hue = colour(trace.meta.hue);
      const made = { ...trace, line: { ...trace.line, color: hue } };
      if (trace.marker) {
        const symbol = trace.marker.symbol;
        const open = typeof symbol === "string" && symbol.endsWith("-open");
        made.marker = { ...trace.marker, color: open ? ground : hue, line: { ...trace.marker.line, color: hue } };
        /* An outline is filled with the ground, so that its own interval does not cross it. */
        if (open) made.marker.symbol = symbol.replace("-open", "");
      }
      for (const bars of ["error_x", "error_y"]) if (trace[bars]) made[bars] = { ...trace[bars], color: hue };
      return made;
    });
    const axes = Object.fromEntries(
      Object.entries(layout).filter(([name]) => /^[xy]axis\d*$/.test(name)).map(([name, own]) => [name, axis(own)]),
    );
    return [traces, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      hovermode: "closest", dragmode: false,
      ...layout,
      font: { family: getComputedStyle(document.body).fontFamily, color: ink, size: 13 },
      hoverlabel: { bgcolor: ground, bordercolor: line, font: { color: ink, size: 13 }, align: "left", namelength: -1 },
      xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis), ...axes,
    }];
  }

  /* Draw a figure in an element, soon and whenever the theme changes. */
  function paint(place, figure) {
    figures.set(place, figure);
    if (!waiting.size) setTimeout(drawNext);
    waiting.add(place);
  }
  /* One at a time, so that the reader is answered in between. */
  function drawNext() {
    const [place] = waiting;
    if (!place) return;
    waiting.delete(place);
    setTimeout(drawNext);
    draw(place);
  }
  function draw(place) {
    if (!window.Plotly || place.closest("[hidden]")) return;
    const figure = figures.get(place);
    Plotly.react(place, ...painted(figure), { displayModeBar: false, responsive: true });
    if (figure.click && !place.dataset.clicks) {
      place.dataset.clicks = "1";
      place.on("plotly_click", ({ points }) => figures.get(place).click(points[0]));
    }
  }
  /* What is hidden is drawn anew when it is shown. */
  const repaint = () => figures.forEach((figure, place) => {
    if (place.closest("[hidden]") && place.querySelector(".main-svg")) { Plotly.purge(place); delete place.dataset.clicks; }
    else if (place.isConnected) paint(place, figure);
  });
  addEventListener("DOMContentLoaded", repaint); /* Plotly comes last, since it is large */

  /* --- theme ------------------------------------------------------------------------------- */
  const system = matchMedia("(prefers-color-scheme: dark)");
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("headwater-theme", root.dataset.theme); } catch (e) { /* kept for this visit only */ }
    repaint();
  });
  system.addEventListener("change", repaint);
  /* Paper is light, the charts, too; and nobody can open there what is closed. */
  let before, closed = [];
  addEventListener("beforeprint", () => {
    before = root.dataset.theme; root.dataset.theme = "light";
    closed = all("details:not([open], .choose)");
    for (const details of closed) details.open = true;
    repaint(); while (waiting.size) drawNext();
  });
  addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    for (const details of closed) details.open = false;
    repaint();
  });

  /* --- keyboard ------------------------------------------------------------------------------ */
  /* What is wider than its place can be moved by the arrow keys, and is told under its heading. */
  function reachable() {
    for (const place of all(".scroll")) {
      const wide = place.scrollWidth > place.clientWidth + 1;
      if (wide === place.hasAttribute("tabindex")) continue;
      const heading = place.closest("section")?.querySelector("h1, h2, h3");
      const own = { tabindex: "0", role: "region", "aria-label": heading?.textContent ?? "Table" };
      for (const [name, value] of Object.entries(own)) {
        if (wide) place.setAttribute(name, value); else place.removeAttribute(name);
      }
    }
  }
  new ResizeObserver(reachable).observe(document.getElementById("main"));
  addEventListener("keydown", ({ key }) => {
    const open = key === "Escape" && document.querySelector("details.choose[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  });

  /* --- numbers in words, as on the pages that are written beforehand ----------------------- */
  const BLANK = "\u2013";
  function number(value, sign = false) {
    /* Halves to the even tenth, as on the other pages: toFixed makes 0.25 0.3. */
    let text = (Math.abs(value) % 1 === 0.25 ? value - 0.01 * Math.sign(value) : value).toFixed(1);
    if (Number(text) === 0) text = "0.0";
    else if (sign && value > 0) text = `+${text}`;
    return text.replace("-", "\u2212");
  }
  function interval(estimate, sign = false) {
    if (!estimate) return BLANK;
    const text = number(estimate.value, sign);
    return estimate.high === null ? text : `${text} ± ${number(estimate.high - estimate.value)}`;
  }
  const count = (value) => (value === null || value === undefined ? BLANK : String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f"));
  function duration(seconds) {
    if (seconds === null || seconds === undefined) return BLANK;
    const whole = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
    return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  }
  function size(bytes) {
    let amount = bytes;
    for (const unit of ["B", "kB", "MB", "GB"]) {
      if (amount < 1000) return unit === "B" ? `${amount} B` : `${amount.toFixed(1)} ${unit}`;
      amount /= 1000;
    }
    return `${amount.toFixed(1)} TB`;
  }

  /* --- elements: text is text, never markup ------------------------------------------------- */
  function element(tag, attributes = {}, ...children) {
    const made = tag.startsWith("svg:") ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4)) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return made;
  }
  const mark = (look) => element("svg:svg", {
    class: look.marker.endsWith("-open") ? "mark open" : "mark", viewBox: "-7 -7 14 14", width: 14, height: 14,
    "aria-hidden": "true", style: `--c:var(--${look.hue})`,
  }, element("svg:path", { d: look.path }));
  /* Plotly reads a little markup in its texts. */
  const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");

  /* --- pieces of the pages that are made from data ------------------------------------------ */
  const section = (title, under) => element("section", {}, element("h2", {}, title), under && element("p", { class: "under" }, under));
  /* The first column names the row; numbers are aligned to the right. */
  const table = (heads, rows) => element("div", { class: "scroll" }, element("table", { class: "numbers" },
    heads.some((head) => head !== "") && element("thead", {}, element("tr", {}, heads.map((head, at) => element("th", { scope: "col", class: at ? "n" : null }, head)))),
    element("tbody", {}, rows.map(([name, ...cells]) => element("tr", {}, element("th", { scope: "row" }, name), cells.map((cell) => element("td", { class: "n" }, cell)))))));
  const chart = (label, height) => element("div", { class: "chart", role: "img", "aria-label": label, style: `min-height:${height}px` });
  const command = (text) => element("dl", { class: "commands" }, element("div", {}, element("dt", {}, "Command"),
    element("dd", {}, element("code", {}, text), element("button", { type: "button", class: "quiet copy", "data-copy": text }, "Copy"))));
  function fail(sentence, back = "index.html") {
    document.getElementById("content").replaceChildren(element("section", { class: "intro" }, element("h1", {}, "Nothing is here"),
      element("p", { class: "lead" }, `${sentence}.`), element("p", {}, element("a", { href: back }, back === "index.html" ? "To the ranking" : "Back to the method"))));
  }

  /* --- data that are loaded when asked for -------------------------------------------------- */
  const shards = new Map(), evidence = new Map();
  let index = null;
  function script(address) {
    return new Promise((resolve, reject) => {
      const made = element("script", { src: address });
      made.addEventListener("load", resolve);
      made.addEventListener("error", () => reject(new Error(`${address} is not there`)));
      document.head.append(made);
    });
  }
  const NAME = /^[a-z0-9-]+\/[a-z0-9-]+$/;
  async function fetched(kept, of, ending) {
    if (!NAME.test(of)) throw new Error("The address names no method");
    if (!kept.has(of)) await script(`data/methods/${of}${ending}`);
    if (!kept.has(of)) throw new Error(`data/methods/${of}${ending} holds something else`);
    return kept.get(of);
  }

  /* --- the view's state, in the part of the address behind # -------------------------------- */
  /* A link to a place of the page, such as #main, leaves the view as it is. */
  const viewed = () => location.hash === "" || location.hash.includes("=");
  let last = "";
  function state() {
    if (viewed()) last = location.hash.slice(1);
    return new URLSearchParams(last);
  }
  /* A list gives a parameter that is repeated. */
  function setState(changes, { keep = false } = {}) {
    const next = state();
    for (const [name, value] of Object.entries(changes)) {
      const [first, ...others] = [value].flat().filter((one) => one !== null && one !== undefined && one !== "");
      if (first === undefined) next.delete(name); else next.set(name, first);
      for (const other of others) next.append(name, other);
    }
    const address = `#${next}`;
    if (address === (location.hash || "#")) return;
    history[keep ? "replaceState" : "pushState"](null, "", address === "#" ? "#view=" : address);
    dispatchEvent(new Event("headwater-state"));
  }
  const listeners = [];
  function onState(listener) { listeners.push(listener); listener(state()); }
  const tell = () => { if (viewed()) listeners.forEach((listener) => listener(state())); };
  for (const event of ["popstate", "hashchange", "headwater-state"]) addEventListener(event, tell);

  /* --- buttons that copy ------------------------------------------------------------------- */
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch (e) {
      getSelection().selectAllChildren(button.previousElementSibling);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = before; }, 1500);
  });

  return {
    all, paint, number, interval, count, duration, size, element, mark, plain, section, table, chart, command, fail, state, setState, onState, BLANK,
    query: () => new URLSearchParams(location.search),
    take: (shard) => shards.set(`${shard.protocol_slug}/${shard.slug}`, shard),
    takeEvidence: (shard) => evidence.set(`${shard.protocol_slug}/${shard.slug}`, shard),
    takeIndex: (value) => { index = value; },
    /* A method's records, by the address's `of`: protocol/method, both as slugs. */
    method: (of) => fetched(shards, of, ".js"),
    evidence: (of) => fetched(evidence, of, ".evidence.js"),
    index: async () => { if (!index) await script("data/index.js"); return index; },
  };
})();
