"use strict";
/* Two methods: compare.html?p=<protocol>&a=<method>&b=<method>, as slugs. The paired intervals are
   computed here, from the evidence of both, as leaderboard/scores.py and statistics.py do it. */
(async () => {
  const { element, mark, interval, number, count, duration, size, paint, plain, section, table, chart, fail, BLANK } = headwater;
  const Z = 1.96, KINDS = { __proto__: null, linear: "Linear", fewshot: "Few-shot", detection: "Detection" };
  const AVERAGES = { linear: "transfer", fewshot: "fewshot", detection: "detection" };
  const HEAD = 30, LINE = 28; /* of the tables, in pixels: charts beside them have the same lines */
  const NOISE = { marker: "circle-open", hue: "hue-plain", path: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z" };
  const content = document.getElementById("content");
  let index;
  try { index = await headwater.index(); } catch (error) { return fail(error.message); }
  if (!index.protocols.length) return fail("There are no records yet");

  /* --- differences ---------------------------------------------------------------------------- */
  const sum = (values) => values.reduce((whole, value) => whole + value, 0);
  const squares = (values) => sum(values.map((value) => value * value));
  /* 16-bit numbers, little-endian, times a scale. */
  function parts(score) {
    const bytes = Uint8Array.from(atob(score.parts), (character) => character.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float64Array.from({ length: bytes.length / 2 }, (_, i) => view.getInt16(2 * i, true) * score.scale);
  }
  /* Standard error of a difference: paired on the same units, else in quadrature; null: not known. */
  function error(x, y) {
    if (x.identity !== undefined && x.identity === y.identity) {
      const [p, q] = [parts(x), parts(y)];
      return Math.sqrt(squares([...p].map((own, i) => own - q[i])));
    }
    return x.error === null || y.error === null ? null : Math.hypot(x.error, y.error);
  }
  /* Mean over seeds: what the samples leave open, and what the seeds do, which all methods of
     several have together where that is known. */
  function estimate(pairs, spread) {
    const k = pairs.length, values = pairs.map(([value]) => value), errors = pairs.map(([, e]) => e), mean = sum(values) / k;
    if (errors.includes(null)) return { value: mean, low: null, high: null, seeds: k };
    let half = Z * Math.sqrt(squares(errors) / k);
    if (spread !== undefined) half = Math.hypot(half, spread / Math.sqrt(k));
    else if (k > 1) half = Math.hypot(half, index.t[Math.min(k - 2, index.t.length - 1)] * Math.sqrt(squares(values.map((v) => v - mean)) / (k - 1) / k));
    return { value: mean, low: mean - half, high: mean + half, seeds: k };
  }
  /* Differences of A less B by cell, and their averages by kind of evaluation. */
  function differences(protocol, mine, other, shared) {
    const pair = (cell, seed) => {
      const x = (mine.cells[cell] || {})[seed], y = (other.cells[cell] || {})[seed];
      return x && y ? [x.value - y.value, error(x, y)] : null;
    };
    const tasks = {}, averages = {}, spreads = { __proto__: null, ...protocol.spreads };
    for (const [kind, names] of Object.entries(protocol.tasks)) {
      const found = shared.map((seed) => names.map((task) => pair(`${kind}.${task}`, seed)));
      names.forEach((task, i) => {
        const own = found.map((line) => line[i]).filter(Boolean);
        if (own.length) tasks[`${kind}.${task}`] = estimate(own, spreads[`${kind}.${task}`]);
      });
      const whole = found.filter((line) => line.length && line.every(Boolean)).map((line) => [
        sum(line.map(([value]) => value)) / line.length, line.some(([, e]) => e === null) ? null : Math.sqrt(squares(line.map(([, e]) => e))) / line.length,
      ]);
      if (whole.length) averages[kind] = estimate(whole, spreads[kind]);
    }
    return { tasks, averages };
  }
  const beyond = (d) => d.low !== null && Math.abs(d.value) > d.high - d.value;

  /* The sentence of leaderboard/compare.py. */
  function verdict(protocol, one, two, { tasks, averages }) {
    const [a, b] = [one.method, two.method], mean = averages.linear;
    if (!mean) {
      const lacking = [one, two].filter((m) => m.row.transfer === null).map((m) => m.method);
      return `${a} and ${b} cannot be compared on average: ${lacking.length ? `${lacking.join(" and ")} has not all linear evaluations` : "they share no seed"}.`;
    }
    const counted = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
    const apart = one.row.cost && two.row.cost && one.row.cost.visits && two.row.cost.visits && !alike(one.row.cost, two.row.cost);
    const alone = mean.seeds === 1 && mean.high !== null && protocol.spreads?.linear === undefined;
    const seeds = `${counted(mean.seeds, "shared seed")}${apart ? ", trained on machines that may differ" : ""}${alone ? ", which leaves other trainings out" : ""}`;
    const told = `${number(Math.abs(mean.value))}${mean.high === null ? "" : ` ± ${number(mean.high - mean.value)}`} points of linear transfer`;
    const side = mean.value > 0 ? "above" : "below";
    if (mean.high === null) return `${a} is ${told} ${side} ${b}, over ${seeds}; no interval is known.`;
    if (!beyond(mean)) return `${a} and ${b} cannot be told apart: ${told} between them, over ${seeds}.`;
    const singly = protocol.tasks.linear.map((task) => tasks[`linear.${task}`]).filter(Boolean);
    const up = singly.filter((d) => beyond(d) && d.value > 0).length, down = singly.filter((d) => beyond(d) && d.value < 0).length;
    return `${a} is ${told} ${side} ${b}, over ${seeds}; taken singly, beyond noise, it is ahead on ${up} and behind on ${down} of ${counted(singly.length, "task")}.`;
  }

  /* --- pickers, which change the address ------------------------------------------------------- */
  const picker = (id, title) => {
    const select = element("select", { id });
    return [element("label", {}, element("span", {}, title), select), select];
  };
  const [labelP, pickP] = picker("pick-protocol", "Protocol"), [labelA, pickA] = picker("pick-a", "A"), [labelB, pickB] = picker("pick-b", "B");
  const swap = element("button", { type: "button", class: "quiet", id: "swap" }, "\u21c4 Swap");
  const go = (p, a, b) => {
    const query = new URLSearchParams(Object.entries({ p, a, b }).filter(([, value]) => value));
    history.pushState(null, "", `?${query}`);
    show();
  };
  pickP.addEventListener("change", () => {
    const there = index.protocols.find((one) => one.slug === pickP.value).methods.map((one) => one.slug);
    go(pickP.value, ...[pickA, pickB].map((pick) => there.includes(pick.value) && pick.value));
  });
  for (const pick of [pickA, pickB]) pick.addEventListener("change", () => go(pickP.value, pickA.value, pickB.value));
  swap.addEventListener("click", () => go(pickP.value, pickB.value, pickA.value));
  const fill = (select, options, chosen) => select.replaceChildren(...options.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
  const answer = element("div", { id: "answer" });
  content.replaceChildren(element("section", { class: "intro" }, element("h1", {}, "Compare two methods"),
    element("p", { class: "under" }, "Score of A less score of B, paired over the same test samples and the same seeds: what makes an image hard for both cancels. Its interval has the spread over seeds that all methods of several have together, if there are enough of these."),
    element("div", { class: "picks" }, labelP, labelA, labelB, swap), answer), element("div", { id: "details" }));
  const details = document.getElementById("details");

  /* --- what is shown ---------------------------------------------------------------------------- */
  let latest = 0;
  async function show() {
    const query = headwater.query(), turn = ++latest;
    headwater.compared = null;
    const asked = query.get("p"), protocol = index.protocols.find((one) => one.slug === asked) || index.protocols[0];
    const known = (slug) => protocol.methods.find((one) => one.slug === slug);
    const a = known(query.get("a")), b = known(query.get("b"));
    fill(pickP, index.protocols.map((one) => [one.slug, one.id]), protocol.slug);
    for (const [pick, chosen] of [[pickA, a], [pickB, b]]) fill(pick, [["", "choose a method"], ...protocol.methods.map((one) => [one.slug, one.name])], chosen ? chosen.slug : "");
    swap.disabled = !a && !b;
    details.replaceChildren();
    document.title = "Compare two methods · Headwater";
    if (asked && protocol.slug !== asked) return answer.replaceChildren(note("The protocol of the address has no records here; choose another."));
    for (const [slug, one] of [[query.get("a"), a], [query.get("b"), b]]) if (slug && !one) return answer.replaceChildren(note(`${protocol.id} has no records of a method of the address; choose another.`));
    if (!a || !b) return answer.replaceChildren(...suggestions(protocol, a || b));
    if (a === b) return answer.replaceChildren(note("A method is not compared with itself; choose another."));
    const of = [a, b].map((one) => `${protocol.slug}/${one.slug}`);
    answer.replaceChildren(element("p", { class: "state" }, "Loading."));
    try {
      const [one, two, mine, other] = await Promise.all([...of.map(headwater.method), ...of.map(headwater.evidence)]);
      if (turn !== latest) return; /* another choice was made meanwhile */
      document.title = `${a.name} against ${b.name} · Headwater`;
      tell(protocol, one, two, mine, other);
    } catch (problem) { if (turn === latest) answer.replaceChildren(note(`${problem.message}.`)); }
  }
  const note = (text) => element("p", { class: "note", role: "status" }, text);

  /* Pairs that most readers ask for: an objective's two strategies, the best and the floor. */
  function suggestions(protocol, chosen) {
    const named = (name) => protocol.methods.find((one) => one.name === name);
    const pairs = protocol.methods.filter((one) => one.name.endsWith("/sequential")).map((one) => [one, named(one.name.replace(/sequential$/, "joint"))]);
    const best = protocol.methods[0];
    const wanted = (chosen ? protocol.methods.map((one) => [chosen, one]) : [...pairs, [best, protocol.methods[1]], [best, named("random_init")]]).filter(([x, y]) => x && y && x !== y);
    const links = [...new Map(wanted.map(([x, y]) => [`?${new URLSearchParams({ p: protocol.slug, a: x.slug, b: y.slug })}`, `${x.name} against ${y.name}`]))].slice(0, 8);
    return [note(protocol.methods.length < 2 ? "There is one method only; nothing to compare it with yet." : chosen ? "Choose the other method." : "Choose two methods, or one of these pairs."),
      element("ul", { class: "plain" }, links.map(([href, text]) => element("li", {}, element("a", { href }, text))))];
  }

  function tell(protocol, one, two, mine, other) {
    const shared = one.runs.map((run) => run.seed).filter((seed) => two.runs.some((run) => run.seed === seed));
    const found = differences(protocol, mine, other, shared);
    answer.replaceChildren(element("p", { class: "headline", role: "status" }, verdict(protocol, one, two, found)), element("ul", { class: "key" },
      [[one, "A"], [two, "B"]].map(([m, letter]) => element("li", {}, mark(m.look), `${letter}, `, element("a", { href: `method.html?of=${protocol.slug}/${m.slug}` }, m.method), ", is ahead")), element("li", {}, mark(NOISE), "within noise, or of no known interval")));
    const drawn = [], parts = [];
    for (const kind of Object.keys(KINDS)) {
      const made = kindSection(protocol, kind, one, two, found, shared);
      if (made) { parts.push(made[0]); drawn.push(made.slice(1)); }
    }
    if (!parts.length) parts.push(section("No number of both", "There is no task on which both were evaluated with the same seed."));
    details.replaceChildren(...parts, sides(protocol, one, two));
    for (const [place, figure] of drawn) paint(place, figure);
    headwater.compared = found; /* for the page's tests */
  }

  function kindSection(protocol, kind, one, two, found, shared) {
    const names = protocol.tasks[kind].filter((task) => found.tasks[`${kind}.${task}`]);
    if (!names.length) return null;
    const mean = names.length > 1 && found.averages[kind];
    const lines = [...(mean ? [[null, mean]] : []), ...names.map((task) => [task, found.tasks[`${kind}.${task}`]])];
    const label = (task) => (task === null ? "mean" : task);
    const height = HEAD + LINE * lines.length + 42;
    const place = chart(`${KINDS[kind]}: ${one.method} less ${two.method} on each of ${names.length} tasks, with 95 % intervals; the numbers are in the table beside it.`, height);
    /* Whoever is ahead beyond noise gives colour and shape; the mean is larger. */
    const trace = (look, chosen) => {
      const own = lines.map(([task, d], i) => [task, d, i]).filter(([, d]) => chosen(d));
      return {
        mode: "markers", x: own.map(([, d]) => d.value), y: own.map(([, , i]) => i), error_x: { type: "data", array: own.map(([, d]) => (d.high === null ? 0 : d.high - d.value)), thickness: 1.25, width: 0 },
        customdata: own.map(([task, d]) => [plain(label(task)), interval(d, true)]), hovertemplate: "%{customdata[0]}: <b>%{customdata[1]}</b><extra></extra>",
        marker: { symbol: look.marker, size: own.map(([task]) => (task === null ? 12 : 8)), opacity: 1, line: { width: 1.75 } }, meta: { hue: look.hue },
      };
    };
    const figure = {
      data: [trace(NOISE, (d) => !beyond(d)), trace(one.look, (d) => beyond(d) && d.value > 0), trace(two.look, (d) => beyond(d) && d.value < 0)],
      layout: {
        height, margin: { l: 8, r: 12, t: HEAD, b: 42 },
        xaxis: { title: { text: "\u2190 B ahead \u00b7 points \u00b7 A ahead \u2192", standoff: 8 }, zeroline: true, zerolinewidth: 1.5, fixedrange: true, nticks: 7, rangemode: "tozero" },
        yaxis: { tickvals: lines.map((_, i) => i), ticktext: lines.map(([task]) => (task === null ? "<b>mean</b>" : plain(task))), range: [lines.length - 0.5, -0.5], fixedrange: true, automargin: true, showgrid: false, zeroline: false, ticklabelstandoff: 8, minor: { tickvals: [...lines, 0].map((_, i) => i - 0.5), showgrid: true } },
      },
    };
    /* The record of the first shared seed that has it, on the checkpoint that counts. */
    const link = (m, task) => {
      const after = m.runs.some((run) => run.cells.some((cell) => cell.after > 0)) ? m.chunks : 0;
      const has = (seed) => m.runs.some((run) => run.seed === seed && run.cells.some((cell) => cell.cell === `${kind}.${task}` && cell.after === after));
      const seed = [...shared, ...m.runs.map((run) => run.seed)].find(has);
      return `cell.html?of=${protocol.slug}/${m.slug}&cell=${encodeURIComponent(`${kind}.${task}`)}&seed=${seed}&after=${after}`;
    };
    const score = (m, task) => {
      if (task === null) return interval(m.row[AVERAGES[kind]]);
      const known = m.row.scores.find((s) => s.evaluation === kind && s.task === task);
      return element("a", { href: link(m, task) }, interval(known));
    };
    const pages = { __proto__: null, ...protocol.task_pages };
    const page = (task) => (pages[task] ? element("a", { href: pages[task] }, task) : label(task));
    const body = section(KINDS[kind]);
    body.append(element("div", { class: "pair beside" }, element("figure", {}, place), table(["", "A", "B", "A less B"], lines.map(([task, d]) => [
      task === null ? element("strong", {}, "mean") : page(task), score(one, task), score(two, task), beyond(d) ? element("strong", {}, interval(d, true)) : interval(d, true)]))));
    return [body, place, figure];
  }

  /* as Cost.timed_like has it */
  function alike(one, two) {
    const [a, b] = [one, two].map((cost) => JSON.stringify(cost.machines));
    return a === b && !a.includes("a processor of no known kind");
  }
  const timed = (one, two) => `time of pre-training${!one || !two || alike(one, two) ? "" : ", on machines that may differ"}`;

  function sides(protocol, one, two) {
    const both = [one, two], body = section("What they are, and what they cost");
    const cost = (told) => both.map((m) => (m.row.cost ? told(m.row.cost) : BLANK));
    const rank = (m) => (m.row.rank ? [...new Set(m.row.rank)].join("\u2013") : BLANK);
    const heads = () => ["", ...both.map((m, i) => element("span", { title: m.method }, mark(m.look), "AB"[i]))];
    const names = [...new Set(both.flatMap((m) => Object.keys(m.config)))].filter((key) => JSON.stringify(one.config[key]) !== JSON.stringify(two.config[key]));
    const text = (value) => (value === undefined ? BLANK : typeof value === "object" ? JSON.stringify(value) : String(value));
    body.append(element("div", { class: "pair" },
      element("div", {}, element("h3", {}, "Rank, forgetting and cost"), table(heads(), [
        ["rank", ...both.map(rank)], ["linear transfer", ...both.map((m) => interval(m.row.transfer))], ["forgetting of chunk 1", ...both.map((m) => interval(m.row.forgetting))], ["the same, pooled probe", ...both.map((m) => interval(m.row.forgetting_pooled))],
        ["image visits", ...cost((c) => count(c.visits))], ["visits, up to date at every arrival", ...cost((c) => count(c.cumulative_visits))], [timed(one.row.cost, two.row.cost), ...cost((c) => duration(c.seconds))],
        ["images kept", ...cost((c) => size(c.stored_bytes))], ["peak memory", ...cost((c) => size(c.peak_memory_bytes))], ["seeds", ...both.map((m) => m.row.seeds.join(", "))], ["trust", ...both.map((m) => m.trust.tier)],
      ])),
      element("div", {}, element("h3", {}, "Configuration, where it differs"), names.length ? table(heads(), names.map((key) => [key, ...both.map((m) => text(m.config[key]))])) : element("p", { class: "under" }, "Both have the same."))));
    const quoted = (name) => (/^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replace(/'/g, "'\"'\"'")}'`); /* as a shell takes it */
    body.append(headwater.command(`headwater compare ${quoted(one.method)} ${quoted(two.method)} -p ${protocol.id}`));
    return body;
  }

  addEventListener("popstate", show);
  /* A page that comes back from the browser's memory may show a choice that was made on leaving. */
  addEventListener("pageshow", (event) => { if (event.persisted) show(); });
  show();
})();
