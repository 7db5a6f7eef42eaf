"use strict";
/* A method: method.html?of=<protocol>/<method>, both as slugs. Everything comes from its shard. */
(async () => {
  const { element, mark, interval, number, count, duration, size, paint, plain, section, table, chart, fail, BLANK } = headwater;
  const KINDS = { __proto__: null, linear: "Linear", fewshot: "Few-shot", detection: "Detection" };
  const AXES = { linear: "top-1, mean per-class or 11-point mAP, %", fewshot: "accuracy, %", detection: "AP50" };
  const TRUST = {
    "self-reported": "Nobody but its authors has looked at the records",
    rescored: "Every metric but the CKA was computed again from the predictions",
    reproduced: "Cells drawn at random were run again, and agree",
  };
  const HEAD = 30, LINE = 28; /* of the tables, in pixels: charts beside them have the same lines */
  const of = headwater.query().get("of") || "";
  let method, index;
  try { [method, index] = [await headwater.method(of), await headwater.index()]; } catch (error) { return fail(error.message); }
  if (!method.row) return fail(`${method.method} has its numbers on the page of its protocol`, `${method.protocol_slug}.html`);
  const { row, look } = method;
  const protocol = index.protocols.find((one) => one.slug === method.protocol_slug) || { methods: [], task_pages: {} };
  const pages = { __proto__: null, ...protocol.task_pages };
  document.title = `${method.method} · ${method.protocol} · Headwater`;

  const link = (cell, seed, after) => `cell.html?of=${of}&cell=${encodeURIComponent(cell)}&seed=${seed}&after=${after}`;
  const found = method.runs.flatMap((run) => run.cells.map((cell) => ({ ...cell, seed: run.seed })));
  const phases = found.filter((cell) => cell.cell === "pretrain");
  const seeds = method.runs.map((run) => run.seed);
  /* The checkpoint that counts: the one after the whole stream; of what is not trained, the one before. */
  const last = found.some((cell) => cell.after > 0) ? method.chunks : 0;
  const at = (cell, after) => found.filter((one) => one.cell === cell && one.after === after && one.status === "ok");
  const head = (cell) => Object.values(cell.metrics)[0].value; /* the first metric is the headline */
  const percent = ({ value, high }) => ({ value: 100 * value, high: high === null ? null : 100 * high });
  const half = (one) => (one.high === null ? 0 : one.high - one.value);
  const drawn = [];

  /* --- what it is, in numbers ---------------------------------------------------------------- */
  const group = (title, pairs) => {
    const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== BLANK);
    return known.length > 0 && element("div", {}, element("h2", {}, title), element("dl", {}, known.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))));
  };
  const cellName = (cell) => (cell === "pretrain" ? "pre-training" : cell.replace(/^([^.]*)\.(.*)$/, (_, kind, task) => `${(KINDS[kind] || kind).toLowerCase()} on ${task}`));
  function lacking() {
    const failed = Object.entries(row.failed).map(([cell, cause]) => `${cellName(cell)} failed: ${cause}.`);
    const missing = Object.entries(KINDS).map(([kind, title]) => {
      const all = method.tasks.filter((one) => one.evaluation === kind).length;
      const names = row.missing.filter((cell) => cell.startsWith(`${kind}.`) && !(cell in row.failed)).map((cell) => cell.slice(kind.length + 1));
      return names.length === 0 ? "" : names.length === all ? `${title.toLowerCase()} (all ${all})` : `${title.toLowerCase()} on ${names.join(", ")}`;
    }).filter(Boolean);
    return [...(missing.length ? [`Missing: ${missing.join("; ")}.`] : []), ...failed];
  }
  const cost = row.cost || {}, trained = Boolean(cost.visits);
  const objective = method.method.split("/")[0];
  const others = protocol.methods.filter((one) => one.slug !== method.slug && ["joint", "sequential"].some((twin) => one.name === `${objective}/${twin}`));
  const against = (one) => element("a", { href: `compare.html?p=${method.protocol_slug}&a=${method.slug}${one ? `&b=${one.slug}` : ""}` }, one ? one.name : "another method");
  const notes = lacking();
  const intro = element("section", { class: "intro" },
    element("p", { class: "under" }, element("a", { href: `index.html#protocol=${method.protocol_slug}` }, "Ranking"), " · ",
      element("a", { href: `protocol-${method.protocol_slug}.html` }, method.protocol)),
    element("h1", { class: "named" }, mark(look), method.method),
    element("p", {}, element("strong", {}, `${method.trust.tier[0].toUpperCase()}${method.trust.tier.slice(1)}.`), element("span", { class: "soft" }, ` ${TRUST[method.trust.tier]}${method.trust.evidence ? ` (${method.trust.evidence})` : ""}.`)),
    element("p", { class: "under" }, "Compare with ", [...others, null].flatMap((one, i) => [i ? " · " : "", against(one)])),
    element("div", { class: "groups" },
      group("Transfer", [
        ["rank", row.rank && [...new Set(row.rank)].join("\u2013")], ["group", row.group], ["linear", interval(row.transfer)], ["few-shot", interval(row.fewshot)], ["detection", interval(row.detection)],
        ["gap to joint", interval(row.gap_to_joint)], ["gap recovered, %", interval(row.gap_recovered && percent(row.gap_recovered))],
        ["linear tasks above untrained", row.tasks_above_untrained === null ? null : String(row.tasks_above_untrained)],
      ]),
      group("Along the stream", [
        ["forgetting of chunk 1", interval(row.forgetting)], ["the same, pooled probe", interval(row.forgetting_pooled)],
        ["mean forgetting", interval(row.mean_forgetting)], ["the same, pooled probe", interval(row.mean_forgetting_pooled)],
        ["forward transfer", interval(row.forward_transfer)], ["final accuracy, all chunks", interval(row.final_accuracy)],
      ]),
      group("Cost", [
        [row.seeds.length === 1 ? "its seed has number" : "its seeds have numbers", row.seeds.join(", ")], ["image visits", trained ? count(cost.visits) : row.cost ? "not trained" : "not finished"], ["visits, up to date at every arrival", trained ? count(cost.cumulative_visits) : null],
        ["time of pre-training", trained ? duration(cost.seconds) : null], ["images kept", trained ? size(cost.stored_bytes) : null], ["numbers held beyond the backbone", cost.extra_parameters ? count(cost.extra_parameters) : null],
        ["peak memory", cost.peak_memory_bytes ? size(cost.peak_memory_bytes) : null], ["time of evaluation", row.evaluation_seconds ? duration(row.evaluation_seconds) : null],
      ])),
    notes.length ? element("p", { class: "note" }, notes.join(" ")) : null,
  );
  /* --- every task, every seed ---------------------------------------------------------------- */
  const many = seeds.length > 1, hasFloor = method.tasks.some((one) => one.floor !== null) && method.method !== "random_init";
  const sign = (path, hue, text) => element("li", {}, mark({ marker: "", path, hue }), text);
  const tasks = section("Transfer, task by task", "Every number leads to its record.");
  tasks.append(element("ul", { class: "key" }, element("li", {}, mark(look), many ? "mean, with its 95 % interval" : "score, with its 95 % interval"),
    many && sign("M-2,0a2,2 0 1,0 4,0a2,2 0 1,0 -4,0Z", look.hue, "one seed"), hasFloor && sign("M-1,-6H1V6H-1Z", "hue-plain", "untrained network")));
  for (const [kind, title] of Object.entries(KINDS)) {
    const scores = new Map(row.scores.filter((one) => one.evaluation === kind).map((one) => [one.task, one]));
    const shown = method.tasks.filter((one) => one.evaluation === kind && scores.has(one.task));
    if (!shown.length) continue;
    const cells = (task) => at(`${kind}.${task}`, last);
    const first = (task) => cells(task).length > 0 && link(`${kind}.${task}`, cells(task)[0].seed, last);
    const height = HEAD + LINE * shown.length + 42;
    const place = chart(`${title} score of ${method.method} on each of ${shown.length} tasks with its 95 % interval${many ? ", of each seed," : ""} and of the untrained network; the numbers are in the table beside it.`, height);
    const floors = shown.map((one, i) => [one.floor, i, one.task]).filter(([floor]) => hasFloor && floor !== null);
    const points = many ? shown.flatMap(({ task }, i) => cells(task).map((cell) => [head(cell), i + 0.27, task, cell.seed, link(cell.cell, cell.seed, last)])) : [];
    drawn.push([place, {
      click: (point) => { if (point.customdata[2]) location.href = point.customdata[2]; },
      data: [
        { mode: "markers", x: floors.map((p) => p[0]), y: floors.map((p) => p[1]), customdata: floors.map((p) => [plain(p[2]), number(p[0])]), marker: { symbol: "line-ns", size: 7, line: { width: 2 } }, meta: { hue: "hue-plain" }, hovertemplate: "%{customdata[0]}: %{customdata[1]}<extra>untrained</extra>" },
        { mode: "markers", x: points.map((p) => p[0]), y: points.map((p) => p[1]), customdata: points.map((p) => [plain(p[2]), number(p[0]), p[4], p[3]]), marker: { symbol: "circle", size: 4, line: { width: 0 } }, meta: { hue: look.hue }, hovertemplate: "%{customdata[0]}: %{customdata[1]}<extra>seed %{customdata[3]}</extra>" },
        { mode: "markers", x: shown.map((o) => scores.get(o.task).value), y: shown.map((_, i) => i), error_x: { type: "data", array: shown.map((o) => half(scores.get(o.task))), thickness: 1.25, width: 0 }, customdata: shown.map((o) => [plain(o.task), interval(scores.get(o.task)), first(o.task)]), marker: { symbol: look.marker, size: 8, line: { width: 1.75 } }, meta: { hue: look.hue }, hovertemplate: "%{customdata[0]}: <b>%{customdata[1]}</b><extra></extra>" },
      ],
      layout: {
        height, margin: { l: 8, r: 12, t: HEAD, b: 42 },
        xaxis: { title: { text: AXES[kind], standoff: 8 }, fixedrange: true, nticks: 7, zeroline: false },
        yaxis: { tickvals: shown.map((_, i) => i), ticktext: shown.map((o) => plain(o.task)), range: [shown.length - 0.5, -0.5], fixedrange: true, automargin: true, showgrid: false, zeroline: false, ticklabelstandoff: 8, minor: { tickvals: [...shown, 0].map((_, i) => i - 0.5), showgrid: true } },
      },
    }]);
    const page = (task) => (pages[task] ? element("a", { href: pages[task] }, task) : task);
    const numbers = table(["", many ? "mean" : "score", ...(many ? ["each seed"] : []), ...(hasFloor ? ["untrained"] : [])], shown.map(({ task, floor }) => [
      page(task), element("a", { href: first(task) }, interval(scores.get(task))),
      ...(many ? [element("span", {}, cells(task).flatMap((cell, i) => [i ? " · " : "", element("a", { href: link(cell.cell, cell.seed, last), title: `seed ${cell.seed}` }, number(head(cell)))]))] : []),
      ...(hasFloor ? [element("span", { class: "soft" }, floor === null ? BLANK : number(floor))] : []),
    ]));
    tasks.append(element("h3", {}, title), element("div", { class: "pair beside" }, element("figure", {}, place), numbers));
  }
  if (!drawn.length) tasks.append(element("p", { class: "under" }, "No task has been evaluated yet."));
  /* Checkpoints on the way, if tasks were evaluated on them too. */
  const steps = [...new Set(found.filter((cell) => cell.task && cell.task.evaluation in KINDS && cell.status === "ok").map((cell) => cell.after))].sort((a, b) => a - b);
  if (steps.length > 1) {
    /* Of the seeds that have every step that any seed has: else the course is one of other runs. */
    const lines = method.tasks.map(({ evaluation, task }) => {
      const each = steps.map((step) => at(`${evaluation}.${task}`, step)).filter((own) => own.length);
      const whole = seeds.filter((seed) => each.every((own) => own.some((cell) => cell.seed === seed)));
      return [`${KINDS[evaluation].toLowerCase()} on ${task}`, steps.map((step) => at(`${evaluation}.${task}`, step).filter((cell) => whole.includes(cell.seed)))];
    });
    tasks.append(element("details", {}, element("summary", {}, "The tasks after every chunk, mean over the seeds that were evaluated after each"), table(["after chunk", ...steps.map(String)], lines.filter(([, each]) => each.some((own) => own.length)).map(([name, each]) => [
      name, ...each.map((own) => (own.length ? element("a", { href: link(own[0].cell, own[0].seed, own[0].after) }, number(own.reduce((sum, cell) => sum + head(cell), 0) / own.length)) : BLANK)),
    ]))));
  }

  /* --- training, and the course along the stream --------------------------------------------- */
  const training = section("Training, and the course along the stream");
  const pair = element("div", { class: "pair" });
  const frame = (x, y, more) => ({ height: 300, margin: { l: 8, r: 12, t: 8, b: 44 }, xaxis: { title: { text: x, standoff: 8 }, fixedrange: true, zeroline: false, nticks: 6, ...more }, yaxis: { title: { text: y, standoff: 6 }, fixedrange: true, automargin: true, zeroline: false, nticks: 6 } });
  const figure = (title, under, place) => element("figure", {}, element("figcaption", {}, element("h3", {}, title), element("p", {}, under)), place);
  const curves = phases.filter((cell) => (cell.curve || []).length > 1);
  if (curves.length) {
    const place = chart(`Training loss against image visits, ${curves.length} phases of ${seeds.length} seeds; the points are on the pages of the phases, which the table below leads to.`, 300);
    const before = (cell) => phases.filter((one) => one.seed === cell.seed && one.after < cell.after).reduce((sum, one) => sum + one.cost.image_visits, 0);
    drawn.push([place, {
      data: curves.map((cell) => ({ mode: "lines", opacity: many ? 0.6 : 1, x: cell.curve.map((p) => p[0] + before(cell)), y: cell.curve.map((p) => p[1]), line: { width: 1.5 }, meta: { hue: look.hue }, hovertemplate: `%{x:,} visits: %{y:.3f}<extra>seed ${cell.seed}, to chunk ${cell.after}</extra>` })),
      layout: frame("image visits", "training loss"),
    }]);
    pair.append(figure("Loss", "Every phase and seed", place));
  }
  /* Two readings of the first chunk: the probe knows of which chunk an image is, or does not. */
  const aware = row.first_chunk.filter((point) => point.chunks_seen > 0);
  const pooled = row.accuracy_matrix.pooled.map((line, i) => line[0] && { ...line[0], chunks_seen: i + 1 }).filter(Boolean);
  if (aware.length > 1) {
    const place = chart("Accuracy on held-out images of chunk 1 after every chunk, by the probe of the chunk and by the pooled one; the numbers are in the tables below.", 300);
    const line = (points, symbol, dash, name) => ({ mode: "lines+markers", x: points.map((p) => p.chunks_seen), y: points.map((p) => p.value), error_y: { type: "data", array: points.map(half), thickness: 1.25, width: 0 }, customdata: points.map((p) => interval(p)), marker: { symbol, size: 8, line: { width: 1.75 } }, line: { width: 2, dash }, meta: { hue: look.hue }, hovertemplate: `after chunk %{x}: <b>%{customdata}</b><extra>${name}</extra>` });
    drawn.push([place, {
      data: [line(aware, "circle", "solid", "of the chunk"), ...(pooled.length ? [line(pooled, "square-open", "dot", "pooled")] : [])],
      layout: frame("chunks seen", "accuracy on chunk 1, %", { dtick: 1, showgrid: false, nticks: undefined }),
    }]);
    pair.append(figure("The first chunk", pooled.length ? "Dots: its own probe; squares: one probe of all chunks seen" : "Held-out images, after every chunk", place));
  }
  if (pair.children.length) training.append(pair);
  const matrices = element("div", { class: "pair" });
  for (const [reading, title] of [["aware", "Accuracy by the probe of each chunk"], ["pooled", "Accuracy by one pooled probe"]]) {
    const lines = row.accuracy_matrix[reading].map((entries, i) => [i + 1, entries]).filter(([, entries]) => entries.some(Boolean));
    const name = (j) => `${reading === "pooled" ? "pooled_" : ""}chunk${j + 1}`;
    if (lines.length) matrices.append(element("div", {}, element("h3", {}, title), table(["after", ...lines[0][1].map((_, j) => `chunk ${j + 1}`)], lines.map(([after, entries]) => {
      const record = at("stream.chunks", after).find((cell) => name(0) in cell.metrics);
      return [`chunk ${after}`, ...entries.map((entry) => (entry && record ? element("a", { href: link("stream.chunks", record.seed, after) }, interval(entry)) : interval(entry)))];
    }))));
  }
  if (matrices.children.length) training.append(matrices);
  if (phases.length) training.append(element("h3", {}, "Phases"), table([...(many ? ["seed"] : []), "to chunk", "read", "image visits", "steps", "time", "images kept", "peak memory", "last loss"], phases.map((cell) => [
    ...(many ? [String(cell.seed)] : []), element("a", { href: link("pretrain", cell.seed, cell.after) }, cell.after ? `chunk ${cell.after}` : "untrained"), (cell.stream.chunks || []).join(", "),
    count(cell.cost.image_visits), count(cell.cost.optimiser_steps), duration(cell.cost.seconds), size(cell.cost.stored_bytes), size(cell.cost.peak_memory_bytes),
    cell.status !== "ok" ? element("span", { class: "failed" }, "failed") : cell.curve ? cell.curve[cell.curve.length - 1][1].toFixed(3) : BLANK,
  ])));
  if (training.children.length < 2) training.append(element("p", { class: "under" }, row.cost ? "It is not trained." : "No record of its training is here."));

  /* --- how to get it again, and what it was --------------------------------------------------- */
  const again = section("Run it again", "Once with each of its seeds; only what is missing is computed.");
  again.append(headwater.command(row.command));
  const about = section("Configuration, source and machine");
  /* Names and values, both to the left: most values are texts. */
  const listed = (title, pairs) => {
    const made = table(["", ""], pairs.filter(([, value]) => value !== null && value !== ""));
    made.classList.add("listed");
    return element("div", {}, element("h3", {}, title), made);
  };
  const hash = (text) => element("code", {}, text);
  const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  const options = Object.entries(method.config);
  about.append(element("div", { class: "pair" },
    options.length ? listed("Configuration", options.map(([name, value]) => [name, text(value)])) : element("p", { class: "under" }, "It has no options."),
    element("div", {},
      Object.keys(method.about).length ? listed("Origin", Object.entries(method.about)) : null,
      listed("Hashes", [["version", String(method.version)], ["configuration", hash(method.config_sha256)], ["source", hash(method.source_sha256)], ["protocol", hash(method.protocol_digest)]]),
      method.environments.map((one, i) => listed(method.environments.length > 1 ? `Machine ${i + 1}, of ${count(found.filter((cell) => cell.environment === i).length)} records` : "Machine", Object.entries(one).map(([name, value]) => [name.replace("_sha256", ""), value === null ? null : name.endsWith("sha256") ? hash(value) : text(value)]))))));
  document.getElementById("content").replaceChildren(intro, tasks, training, again, about);
  for (const [place, made] of drawn) paint(place, made);
})();
