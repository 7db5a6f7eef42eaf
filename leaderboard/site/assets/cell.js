"use strict";
/* A cell: cell.html?of=<protocol>/<method>&cell=<evaluation>.<task>&seed=<k>&after=<chunks>. */
(async () => {
  const { element, mark, number, count, duration, size, paint, section, table, chart, fail, BLANK } = headwater;
  const KINDS = { __proto__: null, fewshot: "few-shot", finetune: "fine-tuning", pretrain: "Pre-training", selection: "Selection" };
  /* What the numbers of the stream are, by the name's part before the chunk. */
  const READINGS = {
    __proto__: null, "": "probe of each chunk", pooled_: "one pooled probe", knn_: "nearest neighbours, each chunk", knn_pooled_: "nearest neighbours, pooled", cka_: "similarity of features (CKA)",
  };
  const query = headwater.query();
  const of = query.get("of") || "", name = query.get("cell") || "pretrain", seed = Number(query.get("seed")), after = Number(query.get("after"));
  let method, index;
  try { [method, index] = [await headwater.method(of), await headwater.index()]; } catch (error) { return fail(error.message); }
  const all = method.runs.flatMap((run) => run.cells.map((one) => ({ ...one, seed: run.seed })));
  const cell = all.find((one) => one.cell === name && one.seed === seed && one.after === after);
  const link = (one) => `cell.html?of=${of}&cell=${encodeURIComponent(one.cell)}&seed=${one.seed}&after=${one.after}`;
  const ranked = Boolean(method.row); /* of a selection there is no page but its protocol's */
  if (!cell) return fail(`${method.method} has no record of ${name} with seed ${seed} after ${after} chunks`, ranked ? `method.html?of=${of}` : undefined);
  const parsed = (cellName) => cellName.split(/\.(.*)/); /* a task's name may have dots */
  const [evaluation, task] = parsed(name);
  const titled = ([kind, on]) => {
    const [, plain, shots] = /^(.*?)(?:_(\d+)shot)?$/.exec(kind); /* linear_10shot: with ten labels a class */
    return `${shots ? `${shots}-shot ` : ""}${KINDS[plain] || plain}${on ? ` on ${on}` : ""}`;
  };
  const title = titled([evaluation, task]);
  document.title = `${title} · ${method.method} · Headwater`;
  const protocol = index.protocols.find((one) => one.slug === method.protocol_slug) || { task_pages: {} };
  const pages = { __proto__: null, ...protocol.task_pages };
  const metrics = Object.entries(cell.metrics || {});
  const half = (one) => (one.standard_error === null ? BLANK : number(1.96 * one.standard_error));
  const pm = (one) => (one.standard_error === null ? number(one.value) : `${number(one.value)} ± ${half(one)}`);
  const drawn = [];

  /* --- which it is, and its neighbours -------------------------------------------------------- */
  const when = (one) => (one.after ? `after chunk ${one.after}` : "before training");
  const choice = (label, found, told) => found.length > 1 && element("p", { class: "choice" }, element("span", {}, label), found.map((one) => (
    one === cell ? element("strong", { "aria-current": "true" }, told(one)) : element("a", { href: link(one) }, told(one)))));
  const headline = metrics.length > 0 && evaluation !== "stream" && metrics[0];
  const intro = element("section", { class: "intro" },
    element("p", { class: "under" },
      element("a", { href: `${ranked ? "protocol-" : ""}${method.protocol_slug}.html` }, method.protocol), ranked && [" · ", element("a", { href: `method.html?of=${of}` }, method.method)],
      pages[task] ? [" · ", element("a", { href: pages[task] }, task)] : null),
    element("h1", { class: "named" }, mark(method.look), title),
    element("p", { class: "lead" }, `${method.method}, seed ${seed}${ranked ? `, ${when(cell)}` : ""}.`),
    headline && element("p", { class: "headline" }, `${pm(headline[1])} ${headline[1].unit} `, element("small", { class: "soft" }, `${headline[0]}${headline[1].n ? `, ${count(headline[1].n)} test units` : ""}`)),
    cell.status === "failed" && element("p", { class: "note failed" }, `It failed: ${cell.cause || "no cause was recorded"}`),
    choice("Seed", all.filter((one) => one.cell === name && one.after === after), (one) => String(one.seed)),
    choice("Checkpoint", all.filter((one) => one.cell === name && one.seed === seed), when),
    choice("Cell", all.filter((one) => one.seed === seed && one.after === after && (one === cell || !parsed(one.cell)[1])), (one) => titled(parsed(one.cell))),
  );
  const parts = [intro];

  /* --- its numbers ---------------------------------------------------------------------------- */
  const flat = () => table(["metric", "value", "±", "test units", "unit", "better"], metrics.map(([key, one]) => [
    key, one.value.toFixed(2), half(one), count(one.n), one.unit, one.higher_is_better ? "higher" : "lower",
  ]));
  if (metrics.length && evaluation === "stream") {
    /* A line for each reading, a column for each chunk, in place of their product as a list. */
    const known = metrics.map(([key, one]) => [/^(.*?)chunk(\d+)$/.exec(key), one]).filter(([parsed]) => parsed).map(([parsed, one]) => [parsed[1], Number(parsed[2]), one]);
    const readings = [...new Set(known.map(([reading]) => reading))], chunks = [...new Set(known.map(([, chunk]) => chunk))].sort((a, b) => a - b);
    const body = section("Held-out images of every chunk", "In percent; ± is 1.96 standard errors over the images.");
    const units = known.filter(([reading]) => reading === readings[0]);
    body.append(table(["", ...chunks.map((chunk) => `chunk ${chunk}`)], [
      ...readings.map((reading) => [READINGS[reading] || reading.replace(/_$/, ""), ...chunks.map((chunk) => { const one = known.find((k) => k[0] === reading && k[1] === chunk); return one ? pm(one[2]) : BLANK; })]),
      ["images", ...chunks.map((chunk) => { const one = units.find((k) => k[1] === chunk); return one ? count(one[2].n) : BLANK; })],
    ]), element("details", {}, element("summary", {}, "As the record has them"), flat()));
    parts.push(body);
  } else if (metrics.length) {
    const body = section("Metrics", "The first is the headline; ± is 1.96 standard errors over the test units, as the record has it.");
    body.append(flat());
    parts.push(body);
  }
  if (cell.selection) {
    const { target, pool, budget, images, ...took } = cell.selection;
    const body = section("Selection");
    body.append(table(["", ""], [
      ...(target ? [["target", target]] : []), ["images of the pool", count(pool)], ["images that may be chosen", count(budget)], ["images chosen", count(images)],
      ["extraction, seconds", took.extraction_seconds.toFixed(3)], ["index, seconds", took.index_seconds.toFixed(3)], ["choice, seconds", took.retrieval_seconds.toFixed(3)],
    ]));
    parts.push(body);
  }
  if ((cell.curve || []).length > 1) {
    const place = chart("Training loss against the phase's image visits; the points are in the table below.", 300);
    drawn.push([place, {
      data: [{ mode: "lines", x: cell.curve.map((p) => p[0]), y: cell.curve.map((p) => p[1]), line: { width: 1.75 }, meta: { hue: method.look.hue }, hovertemplate: "%{x:,} visits: <b>%{y:.4f}</b><extra></extra>" }],
      layout: { height: 300, margin: { l: 8, r: 12, t: 8, b: 44 }, xaxis: { title: { text: "image visits of the phase", standoff: 8 }, fixedrange: true, zeroline: false, nticks: 6, rangemode: "tozero" }, yaxis: { title: { text: "training loss", standoff: 6 }, fixedrange: true, automargin: true, zeroline: false, nticks: 6 } },
    }]);
    const body = section("Loss");
    body.append(place, element("details", {}, element("summary", {}, "The points as a table"), table(["image visits", "loss"], cell.curve.map((p) => [count(p[0]), p[1].toFixed(4)]))));
    parts.push(body);
  }
  const ledger = cell.ledger || {};
  if ((ledger.served || []).length) {
    const body = section("What the reader served", "As it counted, not as the method says.");
    body.append(table(["", "images", "different ones", "repeats"], ledger.served.map((one) => [`chunk ${one.chunk}`, count(one.images), count(one.distinct), count(one.repeats)])));
    parts.push(body);
  }

  /* --- how to get it again, and how to check it ------------------------------------------------ */
  const line = (label, text) => element("div", {}, element("dt", {}, label), element("dd", {}, element("code", {}, text), element("button", { type: "button", class: "quiet copy", "data-copy": text }, "Copy")));
  const only = task && evaluation !== "stream" && !cell.command.includes("--tasks") ? `${cell.command} --tasks ${task}${cell.command.includes("--evaluations") ? "" : ` --evaluations ${evaluation}`}` : null;
  const again = section("Run it again, and check it");
  const told = headline ? `Its record has ${headline[0]} ${headline[1].value}` : `Its record has the same ${cell.selection ? "predictions" : "numbers"}`;
  /* Other commands may have made the rest of the run: then training is among what this one finds. */
  const own = all.filter((one) => one.seed === seed && one.command === cell.command), cells = `${own.length} cell${own.length === 1 ? "" : "s"}`;
  const store = ["results", method.bundle].filter(Boolean).join("/");
  again.append(element("p", { class: "under" }, !ranked ? "A run computes what the store does not have" : own.some((one) => one.cell === "pretrain") ? ["A whole run into an empty store ends with a line such as ", element("code", {}, `${method.method}: ${cells} computed, 0 found, 0 failed`)] : `A run into a store that has the records of the other commands computes ${cells}`, `. ${told}; on the same kind of machine they agree to the last digit, on others within noise.`),
    element("dl", { class: "commands" },
      line("The whole run", cell.command), only && line("Only this cell", only),
      task && line("From its predictions", `headwater validate ${store}`), line("Drawn at random", `headwater verify ${store} --cells 2`)),
    element("p", { class: "under" }, element("code", {}, "validate"), " computes every metric but the CKA again from the predictions beside the records; ", element("code", {}, "verify"), " runs cells again and says whether they agree."));
  parts.push(again);

  /* --- where it comes from --------------------------------------------------------------------- */
  const hash = (value) => value && element("code", {}, value);
  const listed = (heading, pairs) => {
    const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
    const made = table(["", ""], known);
    made.classList.add("listed");
    return known.length > 0 && element("div", {}, element("h3", {}, heading), made);
  };
  const cost = cell.cost, environment = method.environments[cell.environment] || {};
  const file = (ref) => ref && element("span", {}, ref.size ? `${ref.name}, ${size(ref.size)} ` : `${ref.name} `, hash(ref.sha256));
  const where = section("The record");
  where.append(element("div", { class: "pair" },
    element("div", {},
      listed("File and hashes, sha256", [
        ["file in the store", hash(cell.file)], ["record", hash(cell.sha256)], ["key", hash(cell.key)], ["predictions", file(cell.predictions)], ["beside them", file(cell.shared)],
        ["weights", file(cell.checkpoint)], ["task's data", cell.task && !/^0+$/.test(cell.task.data_sha256) ? hash(cell.task.data_sha256) : null], ["stream", cell.stream && hash(cell.stream.manifest_sha256)],
        ["protocol", hash(method.protocol_digest)], ["configuration", hash(method.config_sha256)], ["source", hash(method.source_sha256)],
      ]),
      listed("Seeds", Object.entries(cell.seeds || {})),
      !ranked && listed("Configuration", Object.entries(method.config).map(([key, value]) => [key, typeof value === "object" ? JSON.stringify(value) : String(value)]))),
    element("div", {},
      listed("Cost", [
        ["time", duration(cost.seconds)], ["peak memory", size(cost.peak_memory_bytes)], ["image visits", cost.image_visits ? count(cost.image_visits) : null], ["optimiser steps", cost.optimiser_steps ? count(cost.optimiser_steps) : null],
        ["images kept", task ? null : size(cost.stored_bytes)], ["numbers held beyond the backbone", cost.extra_parameters ? count(cost.extra_parameters) : null],
        ["held by the method, as counted", ledger.held_bytes ? size(ledger.held_bytes) : null], ["labels came with the images", { true: "yes", false: "no" }[ledger.labelled]],
      ]),
      listed("Provenance", [
        ["started", cell.started], ["ended", cell.ended], ["headwater", cell.headwater], ["method's version", String(method.version)], ["task's version", cell.task ? String(cell.task.version) : null],
        ["chunks read", cell.stream && (cell.stream.chunks || []).join(", ")], ["trust", method.trust.tier],
      ]),
      listed("Machine", Object.entries(environment).map(([key, value]) => [key.replace("_sha256", ""), value === null ? null : key.endsWith("sha256") ? hash(value) : String(value)])))));
  parts.push(where);
  document.getElementById("content").replaceChildren(...parts);
  for (const [place, figure] of drawn) paint(place, figure);
})();
