"use strict";
/* A method: method.html?of=<protocol>/<method>. Everything comes from its shard. */
(async () => {
  const { element, mark, interval, number, count, duration, size, paint, plain, section, facts, table, chart, fail } = headwater;
  const KINDS = { linear: "Linear", fewshot: "Few-shot", detection: "Detection" };
  const AXES = { linear: "score, %", fewshot: "accuracy, %", detection: "AP50" };
  const TRUST = {
    "self-reported": "Nobody but the authors has looked at the records",
    rescored: "Every metric was computed again from the predictions",
    reproduced: "Cells drawn at random were run again, and agree",
  };
  const of = headwater.query().get("of") || "";
  let method;
  try { method = await headwater.method(of); } catch (error) { return fail(error.message); }
  const { row } = method;
  document.title = `${method.method} · ${method.protocol} · Headwater`;
  const link = (cell, seed, after) => `cell.html?of=${of}&cell=${encodeURIComponent(cell)}&seed=${seed}&after=${after}`;
  const found = method.runs.flatMap((run) => run.cells.map((cell) => ({ ...cell, seed: run.seed })));
  const last = Math.max(...found.map((cell) => cell.after));
  const phases = found.filter((cell) => cell.cell === "pretrain");

  const ranks = row.rank && (row.rank[0] === row.rank[1] ? String(row.rank[0]) : `${row.rank[0]}\u2013${row.rank[1]}`);
  const cost = row.cost || {};
  const lacking = [
    row.missing.length ? `Missing: ${row.missing.join(", ")}.` : "",
    ...Object.entries(row.failed).map(([cell, cause]) => `${cell} failed: ${cause}.`),
  ].filter(Boolean);
  const intro = element("section", { class: "intro" },
    element("p", { class: "under" }, element("a", { href: `index.html#protocol=${method.protocol_slug}` }, "Ranking"), " · ",
      element("a", { href: `protocol-${method.protocol_slug}.html` }, method.protocol)),
    element("h1", { class: "named" }, mark(method.look), method.method),
    element("p", { class: "lead" }, `Trust: ${method.trust.tier}. `, element("span", { class: "soft" }, `${method.trust.evidence || TRUST[method.trust.tier]}.`)),
    facts([
      ["Rank", ranks], ["Transfer", interval(row.transfer)], ["Gap to joint", interval(row.gap_to_joint)],
      ["Gap recovered", interval(row.gap_recovered)], ["Above untrained", row.tasks_above_untrained === null ? null : `${row.tasks_above_untrained} tasks`],
      ["Few-shot", interval(row.fewshot)], ["Detection", interval(row.detection)],
      ["Forgetting, chunk 1", interval(row.forgetting)], ["the same, pooled", interval(row.forgetting_pooled)],
      ["Mean forgetting", interval(row.mean_forgetting)], ["the same, pooled", interval(row.mean_forgetting_pooled)],
      ["Forward transfer", interval(row.forward_transfer)], ["Seeds", row.seeds.join(", ")],
      ["Visits", cost.visits ? count(cost.visits) : null], ["Visits, all arrivals", cost.visits ? count(cost.cumulative_visits) : null],
      ["Time", cost.visits ? duration(cost.seconds) : null], ["Images kept", cost.visits ? size(cost.stored_bytes) : null],
      ["Held beyond the backbone", cost.extra_parameters ? count(cost.extra_parameters) : null], ["Peak memory", cost.peak_memory_bytes ? size(cost.peak_memory_bytes) : null],
    ]),
    lacking.length ? element("p", { class: "note" }, lacking.join(" ")) : null,
    element("p", { class: "under" }, element("a", { href: `compare.html?p=${method.protocol_slug}&a=${method.slug}` }, "Compare with another method")),
  );

  /* --- every task, every seed --------------------------------------------------------------- */
  const drawn = [];
  const tasks = section("Transfer, task by task", "A small mark is a seed, the large one the mean with its 95 % interval, the grey one the untrained network. Every number leads to its record.");
  for (const [kind, title] of Object.entries(KINDS)) {
    const own = method.tasks.filter((one) => one.evaluation === kind);
    const scores = new Map(row.scores.filter((one) => one.evaluation === kind).map((one) => [one.task, one]));
    const shown = own.filter((one) => scores.has(one.task));
    if (!shown.length) continue;
    const head = (cell) => { const [, metric] = Object.entries(cell.metrics)[0] || []; return metric && metric.value; };
    const seeds = (task) => found.filter((cell) => cell.cell === `${kind}.${task}` && cell.after === last && cell.status === "ok");
    const place = chart(`${title} scores of every task, by seed, with the mean and its interval; the numbers are in the table beside it.`, 26 * shown.length + 60);
    const at = (task) => shown.findIndex((one) => one.task === task);
    const points = shown.flatMap(({ task }) => seeds(task).map((cell) => [head(cell), at(task), task, cell.seed, link(cell.cell, cell.seed, cell.after)]));
    const floors = shown.filter((one) => one.floor !== null && method.method !== "random_init");
    const half = (task) => { const s = scores.get(task); return s.high === null ? 0 : s.high - s.value; };
    drawn.push([place, {
      click: (point) => { if (point.customdata && point.customdata[2]) location.href = point.customdata[2]; },
      data: [
        { mode: "markers", name: "untrained", x: floors.map((o) => o.floor), y: floors.map((o) => at(o.task)), marker: { symbol: "line-ns", size: 13, line: { width: 2 } }, meta: { hue: "hue-plain" }, hovertemplate: "untrained: %{x:.1f}<extra></extra>" },
        ...(points.length > shown.length ? [{ mode: "markers", x: points.map((p) => p[0]), y: points.map((p) => p[1]), customdata: points.map((p) => [p[2], `seed ${p[3]}`, p[4]]), marker: { symbol: "circle", size: 5, opacity: 0.6 }, meta: { hue: method.look.hue }, hovertemplate: "%{customdata[0]}, %{customdata[1]}: %{x:.1f}<extra></extra>" }] : []),
        { mode: "markers", x: shown.map((o) => scores.get(o.task).value), y: shown.map((o) => at(o.task)), error_x: { type: "data", array: shown.map((o) => half(o.task)), thickness: 1.25, width: 0 }, customdata: shown.map((o) => [o.task, interval(scores.get(o.task)), (seeds(o.task)[0] && link(`${kind}.${o.task}`, seeds(o.task)[0].seed, last)) || ""]), marker: { symbol: method.look.marker, size: 9, line: { width: 1.75 } }, meta: { hue: method.look.hue }, hovertemplate: "%{customdata[0]}: <b>%{customdata[1]}</b><extra></extra>" },
      ],
      layout: {
        height: 26 * shown.length + 60, margin: { l: 8, r: 12, t: 6, b: 44 },
        xaxis: { title: { text: AXES[kind], standoff: 8 }, fixedrange: true, nticks: 7, zeroline: false },
        yaxis: { tickvals: shown.map((_, i) => i), ticktext: shown.map((o) => plain(o.task)), range: [shown.length - 0.5, -0.5], fixedrange: true, automargin: true, showgrid: true, zeroline: false, ticklabelstandoff: 8 },
      },
    }]);
    const many = Math.max(...shown.map(({ task }) => seeds(task).length)) > 1;
    const numbers = table(["task", "mean", ...(many ? ["each seed"] : []), "untrained"], shown.map(({ task, floor }) => [
      task,
      element("a", { href: seeds(task).length ? link(`${kind}.${task}`, seeds(task)[0].seed, last) : null }, interval(scores.get(task))),
      ...(many ? [element("span", {}, seeds(task).flatMap((cell, i) => [i ? " · " : "", element("a", { href: link(cell.cell, cell.seed, cell.after), title: `seed ${cell.seed}` }, number(head(cell)))]))] : []),
      floor === null ? headwater.BLANK : number(floor),
    ]));
    tasks.append(element("div", { class: "pair" }, element("figure", {}, element("figcaption", {}, element("h3", {}, title)), place), numbers));
  }

  /* --- training and the stream -------------------------------------------------------------- */
  const training = section("Training");
  const curves = phases.filter((cell) => (cell.curve || []).length > 1);
  const pair = element("div", { class: "pair" });
  if (curves.length) {
    const place = chart("Training loss against image visits, a line for each phase and seed; the numbers are in the records of the phases.", 300);
    const before = (cell) => phases.filter((other) => other.seed === cell.seed && other.after < cell.after).reduce((sum, other) => sum + other.cost.image_visits, 0);
    drawn.push([place, {
      data: curves.map((cell) => ({ mode: "lines", name: `seed ${cell.seed}, to chunk ${cell.after}`, x: cell.curve.map((p) => p[0] + before(cell)), y: cell.curve.map((p) => p[1]), line: { width: 1.5 }, meta: { hue: method.look.hue }, hovertemplate: "%{x:,} visits: loss %{y:.3f}<extra>%{fullData.name}</extra>" })),
      layout: { height: 300, margin: { l: 8, r: 12, t: 8, b: 44 }, xaxis: { title: { text: "image visits", standoff: 8 }, fixedrange: true, zeroline: false, nticks: 6 }, yaxis: { title: { text: "training loss", standoff: 6 }, fixedrange: true, automargin: true, zeroline: false, nticks: 6 } },
    }]);
    pair.append(element("figure", {}, element("figcaption", {}, element("h3", {}, "Loss")), place));
  }
  if (row.first_chunk.length > 1) {
    const place = chart("Accuracy on the first chunk's held-out images after every chunk; the numbers are in the table below.", 300);
    const points = row.first_chunk;
    drawn.push([place, {
      data: [{ mode: "lines+markers", x: points.map((p) => p.chunks_seen), y: points.map((p) => p.value), error_y: { type: "data", array: points.map((p) => (p.high === null ? 0 : p.high - p.value)), thickness: 1.25, width: 0 }, marker: { symbol: method.look.marker, size: 8, line: { width: 1.75 } }, line: { width: 2, dash: method.look.dash }, meta: { hue: method.look.hue }, hovertemplate: "after chunk %{x}: %{y:.1f}<extra></extra>" }],
      layout: { height: 300, margin: { l: 8, r: 12, t: 8, b: 44 }, xaxis: { title: { text: "chunks seen", standoff: 8 }, dtick: 1, fixedrange: true, showgrid: false, zeroline: false }, yaxis: { title: { text: "accuracy on chunk 1, %", standoff: 6 }, fixedrange: true, automargin: true, zeroline: false, nticks: 6 } },
    }]);
    pair.append(element("figure", {}, element("figcaption", {}, element("h3", {}, "The first chunk")), place));
  }
  training.append(pair);
  training.append(table(["seed", "after chunk", "visits", "steps", "time", "images kept", "peak memory", "chunk 1"], phases.map((cell) => {
    const stream = found.find((other) => other.cell === "stream.chunks" && other.seed === cell.seed && other.after === cell.after);
    const first = stream && stream.metrics && stream.metrics.chunk1;
    return [
      String(cell.seed), element("a", { href: link("pretrain", cell.seed, cell.after) }, String(cell.after)), count(cell.cost.image_visits), count(cell.cost.optimiser_steps),
      duration(cell.cost.seconds), size(cell.cost.stored_bytes), size(cell.cost.peak_memory_bytes),
      first ? element("a", { href: link("stream.chunks", cell.seed, cell.after) }, number(first.value)) : headwater.BLANK,
    ];
  })));

  /* --- how to get it again ------------------------------------------------------------------ */
  const again = section("Run it again", "Once with each of its seeds; only what is missing is computed.");
  again.append(headwater.command(row.command));
  const about = section("Configuration and source");
  about.append(element("div", { class: "pair" },
    table(["option", "value"], Object.entries(method.config).map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)])),
    element("div", {},
      facts([["Version", String(method.version)], ["Protocol digest", element("code", {}, method.protocol_digest.slice(0, 16))], ["Configuration", element("code", {}, method.config_sha256.slice(0, 16))], ["Source", element("code", {}, method.source_sha256.slice(0, 16))]]),
      ...method.environments.map((one) => element("p", { class: "under" }, Object.entries(one).filter(([, value]) => value !== null && value !== "").map(([name, value]) => `${name} ${value}`).join(" · "))),
    ),
  ));
  document.getElementById("content").replaceChildren(intro, tasks, training, again, about);
  for (const [place, figure] of drawn) paint(place, figure);
})();
