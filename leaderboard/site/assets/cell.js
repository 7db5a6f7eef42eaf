"use strict";
/* A cell: cell.html?of=<protocol>/<method>&cell=<evaluation>.<task>&seed=<k>&after=<chunks>. */
(async () => {
  const { element, mark, number, count, duration, size, paint, section, facts, table, chart, fail } = headwater;
  const query = headwater.query();
  const of = query.get("of") || "", name = query.get("cell") || "pretrain", seed = Number(query.get("seed") || 0), after = Number(query.get("after") || 0);
  let method, index;
  try { [method, index] = [await headwater.method(of), await headwater.index()]; } catch (error) { return fail(error.message); }
  const all = method.runs.flatMap((run) => run.cells.map((one) => ({ ...one, seed: run.seed })));
  const cell = all.find((one) => one.cell === name && one.seed === seed && one.after === after);
  const link = (one) => `cell.html?of=${of}&cell=${encodeURIComponent(one.cell)}&seed=${one.seed}&after=${one.after}`;
  if (!cell) return fail(`${method.method} has no record of ${name} with seed ${seed} after ${after} chunks`, `method.html?of=${of}`);
  document.title = `${name} · ${method.method} · Headwater`;
  const [evaluation, task] = name.split(".");
  const pages = (index.protocols.find((one) => one.slug === method.protocol_slug) || {}).task_pages || {};
  const hash = (text) => element("code", { title: text }, text);

  const others = (title, found, told) => found.length > 1 && element("p", { class: "under" }, `${title}: `, found.flatMap((one, at) => [
    at ? " · " : "", one === cell ? element("strong", {}, told(one)) : element("a", { href: link(one) }, told(one)),
  ]));
  const intro = element("section", { class: "intro" },
    element("p", { class: "under" },
      element("a", { href: `protocol-${method.protocol_slug}.html` }, method.protocol), " · ",
      element("a", { href: `method.html?of=${of}` }, method.method),
      pages[task] ? [" · ", element("a", { href: pages[task] }, task)] : null),
    element("h1", { class: "named" }, mark(method.look), name === "pretrain" ? "Pre-training" : `${evaluation} on ${task}`),
    element("p", { class: "lead" }, `${method.method}, seed ${seed}, ${after ? `after chunk ${after}` : "not trained"}.`),
    cell.status === "failed" ? element("p", { class: "note failed" }, `It failed: ${cell.cause || "no cause was recorded"}`) : null,
    others("Seeds", all.filter((one) => one.cell === name && one.after === after), (one) => `seed ${one.seed}`),
    others("Along the stream", all.filter((one) => one.cell === name && one.seed === seed), (one) => `after ${one.after}`),
  );

  const parts = [intro];
  const drawn = [];
  const metrics = Object.entries(cell.metrics || {});
  if (metrics.length) {
    const body = section("Metrics", "The first is the headline; ± is 1.96 standard errors over the test units.");
    body.append(table(["metric", "value", "± ", "test units", "unit", "better"], metrics.map(([key, one]) => [
      key, one.value.toFixed(2), one.standard_error === null ? headwater.BLANK : number(1.96 * one.standard_error), count(one.n), one.unit, one.higher_is_better ? "higher" : "lower",
    ])));
    parts.push(body);
  }
  if ((cell.curve || []).length > 1) {
    const place = chart("Training loss against image visits; the points are in the table below.", 300);
    drawn.push([place, {
      data: [{ mode: "lines+markers", x: cell.curve.map((p) => p[0]), y: cell.curve.map((p) => p[1]), marker: { symbol: "circle", size: 4, line: { width: 0 } }, line: { width: 2 }, meta: { hue: method.look.hue }, hovertemplate: "%{x:,} visits: %{y:.4f}<extra></extra>" }],
      layout: { height: 300, margin: { l: 8, r: 12, t: 8, b: 44 }, xaxis: { title: { text: "image visits of the phase", standoff: 8 }, fixedrange: true, zeroline: false }, yaxis: { title: { text: "training loss", standoff: 6 }, fixedrange: true, automargin: true, zeroline: false } },
    }]);
    const body = section("Curve");
    body.append(place, element("details", {}, element("summary", {}, "The points"), table(["visits", "loss"], cell.curve.map((p) => [count(p[0]), p[1].toFixed(4)]))));
    parts.push(body);
  }
  if (cell.ledger && (cell.ledger.served || []).length) {
    const body = section("What the reader served", "As it counted, not as the method says.");
    body.append(table(["chunk", "images", "different ones", "repeats"], cell.ledger.served.map((one) => [String(one.chunk), count(one.images), count(one.distinct), count(one.repeats)])));
    parts.push(body);
  }
  const again = section("Run it again", "Only what is missing is computed; the store must not hold this cell yet.");
  again.append(headwater.command(cell.command));
  again.append(element("p", { class: "under" }, "To check the number from its predictions: ", element("code", {}, "headwater validate results"), ". To run cells drawn at random again and judge whether they agree: ", element("code", {}, "headwater verify results --cells 2"), "."));
  parts.push(again);

  const cost = section("Cost");
  cost.append(facts([
    ["Time", duration(cell.cost.seconds)], ["Peak memory", size(cell.cost.peak_memory_bytes)], ["Image visits", cell.cost.image_visits ? count(cell.cost.image_visits) : null],
    ["Optimiser steps", cell.cost.optimiser_steps ? count(cell.cost.optimiser_steps) : null], ["Images kept", cell.cost.stored_bytes ? size(cell.cost.stored_bytes) : null], ["Held beyond the backbone", cell.cost.extra_parameters ? count(cell.cost.extra_parameters) : null],
  ]));
  const where = section("Where it comes from");
  const rows = [
    ["record", element("code", {}, cell.file)], ["record, sha256", cell.sha256 && hash(cell.sha256)], ["key", cell.key && hash(cell.key)],
    ["predictions, sha256", cell.predictions && hash(cell.predictions.sha256)], ["weights, sha256", cell.checkpoint && hash(cell.checkpoint.sha256)],
    ["data, sha256", cell.task && hash(cell.task.data_sha256)], ["stream, sha256", cell.stream && hash(cell.stream.manifest_sha256)], ["protocol digest", hash(method.protocol_digest)],
    ["configuration, sha256", hash(method.config_sha256)], ["source, sha256", hash(method.source_sha256)],
    ["started", cell.started], ["ended", cell.ended], ["Headwater", cell.headwater], ["trust", method.trust.tier],
    ...Object.entries(cell.seeds || {}).map(([key, value]) => [`seed, ${key}`, String(value)]),
    ...Object.entries(method.environments[cell.environment] || {}).map(([key, value]) => [key, value === null ? null : String(value)]),
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  where.append(table(["", ""], rows));
  parts.push(cost, where);
  document.getElementById("content").replaceChildren(...parts);
  for (const [place, figure] of drawn) paint(place, figure);
})();
