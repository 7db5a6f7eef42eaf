"use strict";
/* Draws the charts in the colours of the reader's theme, and answers the page's few buttons. */
(() => {
  const root = document.documentElement;
  const source = document.getElementById("charts");
  const charts = source ? JSON.parse(source.textContent) : {};
  const hidden = new Set();
  const all = (selector) => document.querySelectorAll(selector);
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

  function painted({ data, layout }) {
    const [ink, soft, grid, line, ground] = ["ink", "soft", "grid", "line", "ground"].map(colour);
    const axis = (own) => ({
      gridcolor: grid, linecolor: line, zerolinecolor: soft, tickcolor: line, ...own,
      tickfont: { color: soft, size: 12 },
      title: own.title && { ...own.title, font: { color: soft, size: 12 } },
      minor: own.minor && { ...own.minor, gridcolor: grid },
    });
    const traces = data.map((trace) => {
      const hue = colour(trace.meta.hue);
      const open = trace.marker.symbol.endsWith("-open");
      return {
        ...trace,
        visible: !hidden.has(trace.meta.method),
        /* An outline is filled with the ground, so that its own interval does not cross it. */
        marker: {
          ...trace.marker, symbol: trace.marker.symbol.replace("-open", ""),
          color: open ? ground : hue, line: { ...trace.marker.line, color: hue },
        },
        line: { ...trace.line, color: hue },
        error_x: trace.error_x && { ...trace.error_x, color: hue },
        error_y: trace.error_y && { ...trace.error_y, color: hue },
      };
    });
    const yaxis = axis(layout.yaxis);
    if (layout.yaxis.ticktext) yaxis.tickfont = { color: ink, size: 13 };
    return [traces, {
      ...layout,
      font: { family: getComputedStyle(document.body).fontFamily, color: ink, size: 13 },
      hoverlabel: { bgcolor: ground, bordercolor: line, font: { color: ink, size: 13 }, align: "left", namelength: -1 },
      xaxis: axis(layout.xaxis),
      yaxis,
    }];
  }

  function draw() {
    if (!window.Plotly) return;
    for (const [id, chart] of Object.entries(charts)) {
      const place = document.getElementById(id);
      if (!place || place.hidden) continue;
      Plotly.react(place, ...painted(chart), { displayModeBar: false, responsive: true });
    }
  }

  function isDark() {
    const chosen = root.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("headwater-theme", root.dataset.theme); } catch (e) { /* kept for this visit only */ }
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  for (const chip of all(".chip")) {
    chip.addEventListener("click", () => {
      const method = chip.dataset.method;
      if (!hidden.delete(method)) hidden.add(method);
      for (const twin of all(".chip")) {
        twin.setAttribute("aria-pressed", String(!hidden.has(twin.dataset.method)));
      }
      draw();
    });
  }

  for (const button of all("[data-view]")) {
    button.addEventListener("click", () => {
      const view = button.dataset.view;
      for (const other of all("[data-view]")) other.setAttribute("aria-pressed", String(other === button));
      for (const place of all(".charts .chart")) {
        const kind = place.id.split("-")[0];
        place.hidden = place.id !== (`${kind}-${view}` in charts ? `${kind}-${view}` : `${kind}-score`);
      }
      draw();
    });
  }

  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "Copied";
      } catch (e) {
        getSelection().selectAllChildren(button.previousElementSibling);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  draw();
})();
