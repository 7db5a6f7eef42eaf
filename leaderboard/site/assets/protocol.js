"use strict";
/* Charts that were made beforehand; and what moves along the stream: the slider, the heat map. */
(() => {
  const { all, element, mark, paint, plain, onState, setState } = headwater;
  const read = (id) => { const place = document.getElementById(id); return place && JSON.parse(place.textContent); };

  /* --- charts, whose methods can be hidden, and which can show scores or gains --------------- */
  const charts = read("charts") || {};
  const hidden = new Set();
  function draw() {
    for (const [id, figure] of Object.entries(charts)) {
      const place = document.getElementById(id);
      if (!place || place.hidden || place.closest("details:not([open])")) continue;
      const data = figure.data.map((trace) => (trace.meta && trace.meta.method ? { ...trace, visible: !hidden.has(trace.meta.method) } : trace));
      paint(place, { ...figure, data });
    }
  }
  for (const more of all("details")) more.addEventListener("toggle", draw);
  for (const chip of all(".chip")) {
    chip.addEventListener("click", () => {
      const method = chip.dataset.method;
      if (!hidden.delete(method)) hidden.add(method);
      setState({ hide: [...hidden].sort() });
    });
  }
  for (const button of all("[data-view]")) {
    button.addEventListener("click", () => setState({ view: button.dataset.view === "score" ? null : button.dataset.view }));
  }
  onState((chosen) => {
    hidden.clear();
    /* Names may have blanks; addresses of before have several names with blanks between them. */
    const known = all(".chip").map((chip) => chip.dataset.method);
    for (const told of chosen.getAll("hide")) for (const method of known.includes(told) ? [told] : told.split(" ").filter(Boolean)) hidden.add(method);
    for (const chip of all(".chip")) chip.setAttribute("aria-pressed", String(!hidden.has(chip.dataset.method)));
    const view = chosen.get("view") === "gain" ? "gain" : "score";
    for (const button of all("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    for (const place of all(".charts .chart")) {
      const kind = place.id.split("-")[0];
      place.hidden = place.id !== (`${kind}-${view}` in charts ? `${kind}-${view}` : `${kind}-score`);
    }
    draw();
  });

  /* --- along the stream -------------------------------------------------------------------- */
  const course = read("course");
  const slider = document.getElementById("chunk");
  if (!course || !slider) return;
  const bars = document.getElementById("bars"), curve = document.getElementById("curve");
  const heat = document.getElementById("heat"), which = document.getElementById("heat-method"), reading = document.getElementById("heat-reading");
  const moving = course.methods.filter((one) => one.moves);
  const lane = 9, band = 14 + lane * Math.max(moving.length, 2);

  const told = ([value, half]) => `${headwater.number(value)}${half === null ? "" : ` ± ${headwater.number(half)}`}`;
  function moved(seen) {
    const traces = moving.map((one, at) => {
      const points = one.along[seen].map((pair, task) => pair && [pair[0], task + (at - (moving.length - 1) / 2) * lane / band, pair[1] || 0, course.tasks[task], told(pair)]).filter(Boolean);
      return {
        type: "bar", orientation: "h", width: (lane - 2) / band,
        x: points.map((p) => p[0]), y: points.map((p) => p[1]), customdata: points.map((p) => [p[3], p[4]]),
        error_x: { type: "data", array: points.map((p) => p[2]), thickness: 1.25, width: 0 },
        hovertemplate: "%{customdata[0]}: <b>%{customdata[1]}</b><extra>%{fullData.name}</extra>",
        name: plain(one.name), meta: { hue: one.look.hue }, marker: { opacity: 0.85, line: { width: 0 }, pattern: { shape: ["", "/", "x", "-", "|", "+", ".", "\\"][at % 8] } },
      };
    });
    const most = Math.max(...moving.flatMap((one) => one.along.flat()).filter(Boolean).map((pair) => pair[0] + (pair[1] || 0)), 1);
    paint(bars, { data: traces, layout: {
      height: band * course.tasks.length + 50, margin: { l: 8, r: 12, t: 6, b: 44 },
      xaxis: { title: { text: "score, %", standoff: 8 }, range: [0, most], fixedrange: true },
      yaxis: { tickvals: course.tasks.map((_, at) => at), ticktext: course.tasks, range: [course.tasks.length - 0.5, -0.5], fixedrange: true, automargin: true, showgrid: false, zeroline: false },
    } });
  }
  function curved(seen) {
    const traces = course.methods.filter((one) => one.first.slice(1).filter(Boolean).length > 1).flatMap((one) => {
      const points = one.first.map((pair, at) => pair && [at, ...pair]).filter((p) => p && p[0]);
      const common = { name: plain(one.name), meta: { hue: one.look.hue }, customdata: points.map((p) => told(p.slice(1))), hovertemplate: "after chunk %{x}: <b>%{customdata}</b><extra>%{fullData.name}</extra>" };
      const now = points.filter((p) => p[0] === seen);
      return [
        { ...common, mode: "lines", x: points.map((p) => p[0]), y: points.map((p) => p[1]), line: { width: 2, dash: one.look.dash } },
        { ...common, mode: "markers", x: now.map((p) => p[0]), y: now.map((p) => p[1]), customdata: now.map((p) => told(p.slice(1))), marker: { symbol: one.look.marker, size: 11, line: { width: 1.75 } },
          error_y: { type: "data", array: now.map((p) => p[2] || 0), thickness: 1.25, width: 0 } },
      ];
    });
    paint(curve, { data: traces, layout: {
      height: 300, margin: { l: 8, r: 12, t: 8, b: 44 },
      xaxis: { title: { text: "chunks seen", standoff: 8 }, range: [0.8, course.chunks + 0.2], dtick: 1, tick0: 1, fixedrange: true, showgrid: false, zeroline: false },
      yaxis: { title: { text: "accuracy on chunk 1, %", standoff: 6 }, fixedrange: true, automargin: true, zeroline: false, nticks: 6 },
      shapes: [{ type: "line", x0: seen, x1: seen, yref: "paper", y0: 0, y1: 1, line: { width: 1, dash: "dot", color: "#888" } }],
    } });
  }
  function heated(seen) {
    const one = course.methods.find((method) => method.name === which.value);
    const matrix = (one && one.matrix[reading.value]) || [];
    const z = matrix.map((row) => row.map((pair) => pair && pair[0]));
    paint(heat, { data: [{
      type: "heatmap", z, x: z.map((_, at) => `chunk ${at + 1}`), y: z.map((_, at) => `after ${at + 1}`), showscale: false, xgap: 2, ygap: 2,
      text: matrix.map((row) => row.map((pair) => (pair ? told(pair) : ""))), texttemplate: "%{text}",
      hovertemplate: "%{y}, on %{x}: <b>%{text}</b><extra></extra>", hoverongaps: false,
    }], layout: {
      height: 54 * Math.max(z.length, 1) + 56, margin: { l: 8, r: 12, t: 6, b: 40 },
      xaxis: { fixedrange: true, showgrid: false, title: { text: "held-out images of", standoff: 8 } },
      yaxis: { fixedrange: true, showgrid: false, autorange: "reversed", automargin: true },
      shapes: seen && z.length ? [{ type: "rect", x0: -0.5, x1: z.length - 0.5, y0: seen - 1.5, y1: seen - 0.5, line: { width: 1.5, color: "#888" } }] : [],
    } });
  }

  const legend = document.getElementById("moving");
  legend.append(...moving.map((one) => element("li", {}, mark(one.look), one.name)));
  const able = course.methods.filter((one) => Object.keys(one.matrix).length);
  if (which) {
    which.append(...able.map((one) => element("option", { value: one.name }, one.name)));
    which.addEventListener("change", () => setState({ matrix: which.value }));
    reading.addEventListener("change", () => setState({ reading: reading.value === "aware" ? null : reading.value }));
  }
  slider.addEventListener("input", () => setState({ chunk: slider.value }, { keep: true }));
  onState((chosen) => {
    const seen = Math.min(Math.max(Math.round(Number(chosen.get("chunk"))) || course.chunks, 1), course.chunks);
    slider.value = seen;
    document.getElementById("chunk-now").textContent = `after chunk ${seen}`;
    slider.setAttribute("aria-valuetext", `after chunk ${seen} of ${course.chunks}`);
    if (moving.length) moved(seen);
    if (curve) curved(seen);
    if (!which) return;
    which.value = (able.find((one) => one.name === chosen.get("matrix")) || able[0]).name;
    reading.value = chosen.get("reading") === "pooled" ? "pooled" : "aware";
    heated(seen);
  });
})();
