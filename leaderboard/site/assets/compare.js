"use strict";
/* Two methods: compare.html?p=<protocol>&a=<method>&b=<method>. The paired intervals are computed
   here, from the evidence of both, as leaderboard/scores.py and statistics.py compute them. */
(async () => {
  const { element, mark, interval, number, count, duration, size, paint, plain, section, table, chart, fail, BLANK } = headwater;
  const Z = 1.96, KINDS = { linear: "Linear", fewshot: "Few-shot", detection: "Detection" };
  let index;
  try { index = await headwater.index(); } catch (error) { return fail(error.message); }
  const query = headwater.query();
  const protocol = index.protocols.find((one) => one.slug === query.get("p")) || index.protocols[0];
  if (!protocol) return fail("there are no records yet");
  const known = (slug) => protocol.methods.find((one) => one.slug === slug);
  const a = known(query.get("a")), b = known(query.get("b"));

  /* --- pickers ------------------------------------------------------------------------------- */
  const select = (id, title, options, chosen) => element("label", {}, `${title} `, element("select", { id },
    options.map(([value, text]) => element("option", { value, selected: value === chosen }, text))));
  const methods = [["", "choose a method"], ...protocol.methods.map((one) => [one.slug, one.name])];
  const go = (p, x, y) => { location.search = new URLSearchParams(Object.entries({ p, a: x, b: y }).filter(([, value]) => value)).toString(); };
  const form = element("p", { class: "fields" },
    select("pick-protocol", "Protocol", index.protocols.map((one) => [one.slug, one.id]), protocol.slug),
    select("pick-a", "A", methods, a && a.slug), select("pick-b", "B", methods, b && b.slug),
    element("button", { type: "button", class: "quiet", id: "swap" }, "Swap"));
  const value = (id) => form.querySelector(`#${id}`).value;
  form.querySelector("#pick-protocol").addEventListener("change", () => go(value("pick-protocol")));
  for (const id of ["pick-a", "pick-b"]) form.querySelector(`#${id}`).addEventListener("change", () => go(protocol.slug, value("pick-a"), value("pick-b")));
  form.querySelector("#swap").addEventListener("click", () => go(protocol.slug, value("pick-b"), value("pick-a")));
  const intro = element("section", { class: "intro" }, element("h1", {}, "Compare two methods"),
    element("p", { class: "lead" }, "A less B, paired over the same test samples and the same seeds: what makes an image hard for both cancels."), form);
  const content = document.getElementById("content");
  if (!a || !b || a === b) {
    if (a && b) intro.append(element("p", { class: "note" }, "A method is not compared with itself; choose another."));
    return content.replaceChildren(intro);
  }
  let one, two, mine, other;
  try {
    [one, two, mine, other] = await Promise.all([a, b].map((m) => headwater.method(`${protocol.slug}/${m.slug}`)).concat([a, b].map((m) => headwater.evidence(`${protocol.slug}/${m.slug}`))));
  } catch (error) { return fail(error.message); }
  document.title = `${a.name} against ${b.name} · Headwater`;

  /* --- differences --------------------------------------------------------------------------- */
  function parts(score) {
    const bytes = Uint8Array.from(atob(score.parts), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float64Array.from({ length: bytes.length / 2 }, (_, i) => view.getInt16(2 * i, true) * score.scale);
  }
  /* Standard error of a difference: paired on the same units, else in quadrature. */
  function error(x, y) {
    if (x.parts !== undefined && y.parts !== undefined && x.identity === y.identity) {
      const [p, q] = [parts(x), parts(y)];
      return Math.sqrt(p.reduce((sum, own, i) => sum + (own - q[i]) ** 2, 0));
    }
    return x.error === null || y.error === null ? null : Math.hypot(x.error, y.error);
  }
  function estimate(values, errors) {
    const k = values.length, mean = values.reduce((s, v) => s + v, 0) / k;
    if (errors.some((e) => e === null)) return { value: mean, low: null, high: null, seeds: k };
    let half = Z * Math.sqrt(errors.reduce((s, e) => s + e * e, 0) / k);
    if (k > 1) {
      const spread = Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / (k - 1));
      half = Math.hypot(half, (index.t[Math.min(k - 2, index.t.length - 1)] * spread) / Math.sqrt(k));
    }
    return { value: mean, low: mean - half, high: mean + half, seeds: k };
  }
  const shared = one.runs.map((run) => run.seed).filter((seed) => two.runs.some((run) => run.seed === seed));
  const pairs = (cell, seed) => {
    const x = (mine.cells[cell] || {})[seed], y = (other.cells[cell] || {})[seed];
    return x && y ? [x.value - y.value, error(x, y)] : null;
  };
  const tasks = {}, averages = {};
  for (const [kind, names] of Object.entries(protocol.tasks)) {
    const whole = { values: [], errors: [] };
    for (const seed of shared) {
      const found = names.map((task) => pairs(`${kind}.${task}`, seed));
      if (found.length && found.every(Boolean)) {
        whole.values.push(found.reduce((s, p) => s + p[0], 0) / found.length);
        whole.errors.push(found.some((p) => p[1] === null) ? null : Math.sqrt(found.reduce((s, p) => s + p[1] ** 2, 0)) / found.length);
      }
    }
    if (whole.values.length) averages[kind] = estimate(whole.values, whole.errors);
    for (const task of names) {
      const found = shared.map((seed) => pairs(`${kind}.${task}`, seed)).filter(Boolean);
      if (found.length) tasks[`${kind}.${task}`] = estimate(found.map((p) => p[0]), found.map((p) => p[1]));
    }
  }
  headwater.compared = { tasks, averages }; /* for the page's tests */

  /* --- in words ------------------------------------------------------------------------------ */
  const beyond = (d) => d.low !== null && (d.low > 0 || d.high < 0);
  function verdict() {
    const mean = averages.linear;
    if (!mean) {
      const lacking = [one, two].filter((m) => m.row.transfer === null).map((m) => m.method);
      return `${a.name} and ${b.name} cannot be compared on average: ${lacking.length ? `${lacking.join(" and ")} has not all linear evaluations` : "they share no seed"}.`;
    }
    const seeds = `${mean.seeds} shared seed${mean.seeds === 1 ? "" : "s"}`;
    const size = `${number(Math.abs(mean.value))}${mean.high === null ? "" : ` ± ${number(mean.high - mean.value)}`} points of linear transfer`;
    if (!beyond(mean)) return `${a.name} and ${b.name} cannot be told apart: ${size} between them, over ${seeds}.`;
    const singly = protocol.tasks.linear.map((task) => tasks[`linear.${task}`]).filter(Boolean);
    const up = singly.filter((d) => beyond(d) && d.value > 0).length, down = singly.filter((d) => beyond(d) && d.value < 0).length;
    return `${a.name} is ${size} ${mean.value > 0 ? "above" : "below"} ${b.name}, over ${seeds}; taken singly, beyond noise, it is ahead on ${up} and behind on ${down} of ${singly.length} task${singly.length === 1 ? "" : "s"}.`;
  }
  const ends = (d) => (d.low === null ? "not known" : `${number(d.low, true)} to ${number(d.high, true)}`);
  intro.append(element("p", { class: "headline" }, verdict()));
  const parts_ = [intro], drawn = [];
  const link = (method, cell) => {
    const seed = method.runs.map((run) => run.seed).find((s) => shared.includes(s));
    const last = Math.max(...method.runs.flatMap((run) => run.cells.map((c) => c.after)));
    return `cell.html?of=${protocol.slug}/${method.slug}&cell=${encodeURIComponent(cell)}&seed=${seed}&after=${last}`;
  };
  const score = (method, kind, task) => method.row.scores.find((s) => s.evaluation === kind && s.task === task);
  for (const [kind, title] of Object.entries(KINDS)) {
    const names = protocol.tasks[kind].filter((task) => tasks[`${kind}.${task}`]);
    if (!names.length) continue;
    const lines = [["mean", averages[kind]], ...names.map((task) => [task, tasks[`${kind}.${task}`]])].filter(([, d]) => d);
    const place = chart(`${title}: ${plain(a.name)} less ${plain(b.name)} on every task with 95 % intervals; the numbers are in the table beside it.`, 24 * lines.length + 56);
    drawn.push([place, {
      data: [{ mode: "markers", x: lines.map(([, d]) => d.value), y: lines.map((_, i) => i), error_x: { type: "data", array: lines.map(([, d]) => (d.high === null ? 0 : d.high - d.value)), thickness: 1.25, width: 0 },
        customdata: lines.map(([name, d]) => [plain(name), interval(d, true)]), hovertemplate: "%{customdata[0]}: <b>%{customdata[1]}</b><extra></extra>", marker: { symbol: lines.map(([name]) => (name === "mean" ? "diamond" : "circle")), size: lines.map(([name]) => (name === "mean" ? 11 : 8)), line: { width: 0 } }, meta: { hue: one.look.hue } }],
      layout: { height: 24 * lines.length + 56, margin: { l: 8, r: 12, t: 6, b: 44 }, xaxis: { title: { text: "points that A is ahead", standoff: 8 }, zeroline: true, zerolinewidth: 1.5, fixedrange: true, nticks: 7 },
        yaxis: { tickvals: lines.map((_, i) => i), ticktext: lines.map(([name]) => plain(name)), range: [lines.length - 0.5, -0.5], fixedrange: true, automargin: true, zeroline: false, ticklabelstandoff: 8 } },
    }]);
    const body = section(title);
    body.append(element("div", { class: "pair" }, element("figure", {}, place), table(["", "A", "B", "A less B", "95 % interval"], lines.map(([name, d]) => {
      const cell = `${kind}.${name}`, mean = name === "mean";
      const own = (method) => (mean ? interval(method.row[{ linear: "transfer", fewshot: "fewshot", detection: "detection" }[kind]]) : element("a", { href: link(method, cell) }, interval(score(method, kind, name))));
      return [name, own(one), own(two), number(d.value, true), beyond(d) ? element("strong", {}, ends(d)) : ends(d)];
    }))));
    parts_.push(body);
  }
  const sides = section("What they are, and what they cost");
  const named = (m) => element("span", {}, mark(m.look), element("a", { href: `method.html?of=${protocol.slug}/${m.slug}` }, m.method));
  const cost = (told) => [one, two].map((m) => (m.row.cost ? told(m.row.cost) : BLANK));
  const rank = (m) => (m.row.rank ? [...new Set(m.row.rank)].join("\u2013") : BLANK);
  const options = [...new Set([...Object.keys(one.config), ...Object.keys(two.config)])].filter((key) => JSON.stringify(one.config[key]) !== JSON.stringify(two.config[key]));
  const told = (v) => (v === undefined ? BLANK : typeof v === "object" ? JSON.stringify(v) : String(v));
  sides.append(table(["", named(one), named(two)], [
    ["rank", rank(one), rank(two)], ["trust", one.trust.tier, two.trust.tier], ["forgetting of chunk 1", interval(one.row.forgetting), interval(two.row.forgetting)],
    ["image visits", ...cost((c) => count(c.visits))], ["visits, all arrivals", ...cost((c) => count(c.cumulative_visits))], ["time of pre-training", ...cost((c) => duration(c.seconds))],
    ["images kept", ...cost((c) => size(c.stored_bytes))], ["peak memory", ...cost((c) => size(c.peak_memory_bytes))],
    ...options.map((key) => [key, told(one.config[key]), told(two.config[key])]),
    ...(options.length ? [] : [["configuration", "the same", "the same"]]),
  ]));
  sides.append(element("p", { class: "under" }, "In the terminal: ", element("code", {}, `headwater compare ${a.name} ${b.name} -p ${protocol.id}`)));
  parts_.push(sides);
  content.replaceChildren(...parts_);
  for (const [place, figure] of drawn) paint(place, figure);
})();
