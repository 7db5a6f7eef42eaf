"use strict";
/* The first page: tabs of protocols, and rankings that can be sorted, filtered, reduced and taken
   along. What the reader chose is in the address: protocol, sort, filter, trust, columns, cost. */
(() => {
  const { all, element, onState, setState, state } = headwater;

  const narrow = matchMedia("(max-width: 720px)");

  /* --- charts ------------------------------------------------------------------------------ */
  const charts = JSON.parse(document.getElementById("charts").textContent);
  for (const [id, figure] of Object.entries(charts)) {
    figure.click = (point) => { if (point.customdata && point.customdata[3]) location.href = `method.html?of=${point.customdata[3]}`; };
  }
  function draw(within) {
    for (const place of all(".chart", within)) {
      if (charts[place.id] && !place.hidden && !place.querySelector(".main-svg")) headwater.paint(place, charts[place.id]);
    }
  }
  for (const button of all("[data-cost]")) {
    button.addEventListener("click", () => setState({ cost: button.previousElementSibling ? button.dataset.cost : null }));
  }
  /* The first one, unless the address names another. */
  function choose(view, cost) {
    const buttons = all("[data-cost]", view);
    const now = buttons.find((one) => one.dataset.cost === cost) || buttons[0];
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button === now));
      document.getElementById(`${view.id.replace("view-", "")}-cost-${button.dataset.cost}`).hidden = button !== now;
    }
  }

  for (const section of all(".asked")) draw(section);

  /* --- tabs -------------------------------------------------------------------------------- */
  const views = all(".view"), tabs = all("[data-tab]");
  const shown = () => views.find((view) => !view.hidden);
  for (const tab of tabs) {
    tab.addEventListener("click", () => setState({ protocol: tab.dataset.tab, sort: null, filter: null, trust: null }));
  }

  /* --- tables ------------------------------------------------------------------------------ */
  const number = (text) => parseFloat(text.replace(/[\u202f ]/g, "").replace("\u2212", "-"));
  function value(row, place) {
    const cell = row.cells[place];
    if (!cell) return null;
    if (cell.tagName === "TH") return cell.textContent.trim();
    const told = cell.dataset.sort !== undefined ? Number(cell.dataset.sort) : number(cell.textContent);
    return Number.isNaN(told) ? null : told;
  }

  class Ranking {
    constructor(view) {
      this.view = view;
      this.table = view.querySelector(".ranking");
      this.heads = [...this.table.tHead.rows[0].cells];
      this.keys = this.heads.map((head) => head.dataset.key || "");
      this.rows = [...this.table.tBodies[0].rows];
      this.style = element("style");
      document.head.append(this.style);
      this.filter = view.querySelector(".filter");
      this.trust = view.querySelector(".trust");
      this.by = view.querySelector(".by");
      this.boxes = all(".choose input", view);
      this.preset = this.boxes.filter((box) => box.checked).map((box) => box.value);
      for (const head of this.heads.filter((one) => one.dataset.key)) {
        const button = element("button", { type: "button", class: "sort" }, ...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => this.sortBy(head.dataset.key));
      }
      this.filter.addEventListener("input", () => setState({ filter: this.filter.value }, { keep: true }));
      this.trust.addEventListener("change", () => setState({ trust: this.trust.value }));
      this.by.addEventListener("change", () => this.sortBy(this.by.value));
      view.querySelector(".turn").addEventListener("click", () => this.sortBy(this.by.value));
      for (const box of this.boxes) {
        box.addEventListener("change", () => {
          const chosen = this.boxes.filter((one) => one.checked).map((one) => one.value);
          setState({ columns: chosen.join() === this.preset.join() ? null : chosen.join(" ") || "none" });
        });
      }
      for (const button of all("[data-export]", view)) {
        button.addEventListener("click", () => this.save(button.dataset.export));
      }
    }

    sortBy(key) {
      const [now, way] = (state().get("sort") || "rank up").split(" ");
      const first = key === "method" || key === "rank" ? "up" : "down";
      const next = now !== key ? first : way === "up" ? "down" : "up";
      setState({ sort: key === "rank" && next === "up" ? null : `${key} ${next}` });
    }

    update(chosen) {
      const [key, way] = (chosen.get("sort") || "rank up").split(" ");
      const place = Math.max(0, this.keys.indexOf(key));
      const sign = way === "down" ? -1 : 1;
      const keyed = this.rows.map((row, at) => [row, at, value(row, place)]);
      keyed.sort(([, i, a], [, j, b]) => {
        if (a === null || b === null) return (a === null) - (b === null) || i - j;
        return (typeof a === "string" ? a.localeCompare(b) : a - b) * sign || i - j;
      });
      this.table.tBodies[0].append(...(place === 0 && sign === 1 ? this.rows : keyed.map(([row]) => row)));
      this.heads.forEach((head, at) => {
        if (!head.dataset.key) return;
        if (at === place) head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
        else head.removeAttribute("aria-sort");
      });
      this.by.value = this.keys[place];
      this.view.querySelector(".turn").textContent = sign === 1 ? "\u2191" : "\u2193";

      const words = (chosen.get("filter") || "").toLowerCase().split(/\s+/).filter(Boolean);
      const trust = chosen.get("trust") || "", at = this.keys.indexOf("trust");
      /* While somebody types it has this value already. */
      if (this.filter.value !== (chosen.get("filter") || "")) this.filter.value = chosen.get("filter") || "";
      this.trust.value = trust;
      let left = 0;
      for (const row of this.rows) {
        const name = row.querySelector("th").textContent.toLowerCase();
        const told = row.cells[at] ? row.cells[at].textContent : "";
        row.hidden = !words.every((word) => name.includes(word)) || (trust !== "" && told !== trust);
        left += !row.hidden;
      }
      const note = this.view.querySelector(".found");
      note.textContent = left < this.rows.length ? `${left} of ${this.rows.length} methods shown.` : "";

      const columns = chosen.get("columns") ? chosen.get("columns").split(" ") : this.preset;
      for (const box of this.boxes) box.checked = columns.includes(box.value);
      this.off = this.keys.map((name) => name !== "" && !["rank", "method"].includes(name) && !columns.includes(name));
      this.keys.forEach((name, at) => { if (name === "") this.off[at] = !columns.includes("transfer"); });
      this.style.textContent = this.off
        .map((hidden, at) => (hidden ? `#${this.table.id} tr > :nth-child(${at + 1}) { display: none; }` : ""))
        .join("\n");
      if (!this.labelled && narrow.matches) this.label();
    }

    /* On a phone each cell carries its heading. */
    label() {
      this.labelled = true;
      const titles = this.heads.map((head) => (head.dataset.key ? this.title(head) : ""));
      for (const row of this.rows) [...row.cells].forEach((cell, at) => { if (titles[at]) cell.dataset.label = titles[at]; });
    }

    title(head) { return head.querySelector("button").firstChild.textContent.trim(); }

    /* What is seen, in its order. */
    seen() {
      const places = this.keys.map((key, at) => at).filter((at) => this.keys[at] && !this.off[at]);
      const body = [...this.table.tBodies[0].rows].filter((row) => !row.hidden);
      const text = (cell) => {
        if (!cell) return "";
        const link = cell.tagName === "TH" && (cell.querySelector("a") || cell);
        return (link || cell).textContent.trim();
      };
      return [places.map((at) => this.title(this.heads[at])), ...body.map((row) => places.map((at) => text(row.cells[at])))];
    }

    save(kind) {
      const rows = this.seen();
      const content = kind === "csv" ? asCsv(rows) : asLatex(rows, this.table.dataset.protocol);
      const link = element("a", {
        href: URL.createObjectURL(new Blob([content], { type: "text/plain;charset=utf-8" })),
        download: `${this.view.id.replace("view-", "")}.${kind === "csv" ? "csv" : "tex"}`,
      });
      link.click();
      headwater.exported = content;
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
  }

  /* A value and its half width get a column each. */
  function asCsv(rows) {
    const plain = (text) => text.replace(/\u2212/g, "-").replace(/\u202f/g, "").replace(/^\u2013$/, "");
    const named = rows[0].indexOf("Method"); /* a name is left as it is */
    const split = rows[0].map((_, at) => at !== named && rows.slice(1).some((row) => row[at].includes(" ± ")));
    const quoted = (text) => {
      const safe = /^[=+@-]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
      return /[",\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
    };
    return rows.map((row, line) => row.flatMap((text, at) => {
      if (!split[at]) return [line && at !== named ? plain(text) : text];
      if (!line) return [text, `${text}, half of the 95 % interval`];
      const [middle, half] = text.split(" ± ");
      return [plain(middle), plain(half || "")];
    }).map(quoted).join(",")).join("\n") + "\n";
  }

  function asLatex(rows, protocol) {
    const escaped = (text) => text
      .replace(/[\\{}$&#^_%~]/g, (c) => ({ "\\": "\\textbackslash{}", "^": "\\textasciicircum{}", "~": "\\textasciitilde{}" }[c] || `\\${c}`))
      .replace(/ ± /g, " $\\pm$ ").replace(/\u2212/g, "$-$").replace(/\u2013/g, "--").replace(/\u202f/g, "\\,");
    const line = (row) => `${row.map(escaped).join(" & ")} \\\\`;
    return [
      `% ${protocol.replace(/\n/g, " ")}; \\usepackage{booktabs}`,
      `\\begin{tabular}{rl${"r".repeat(Math.max(rows[0].length - 2, 0))}}`,
      "\\toprule", line(rows[0]), "\\midrule", ...rows.slice(1).map(line), "\\bottomrule", "\\end{tabular}", "",
    ].join("\n");
  }

  const rankings = new Map(views.map((view) => [view, new Ranking(view)]));
  narrow.addEventListener("change", () => { if (shown()) rankings.get(shown()).update(state()); });
  onState((chosen) => {
    const wanted = chosen.get("protocol");
    const now = views.find((view) => view.id === `view-${wanted}`) || views[0];
    if (!now) return;
    for (const view of views) view.hidden = view !== now;
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(now.id === `view-${tab.dataset.tab}`));
    rankings.get(now).update(chosen);
    choose(now, chosen.get("cost"));
    draw(shown());
  });
  /* When all is loaded and the reader is answered, in milliseconds since the page was asked for:
     measured by the benchmark. Charts are drawn from then on, one at a time. */
  addEventListener("DOMContentLoaded", () => { document.documentElement.dataset.ready = Math.round(performance.now()); });
})();
