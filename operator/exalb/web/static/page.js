"use strict";

const SHOWN = 500; // rows of Services; the rest is found by the field above them
const by = (id) => document.getElementById(id);
let now = null;

/** Return an element; text goes in as text, never as HTML. */
function make(tag, text = "", name = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (name) element.className = name;
  return element;
}

function cell(row, text, name = "") {
  return row.appendChild(make("td", text, name));
}

/** Return a button that asks about an object, such as service/shop/web. */
function question(text, subject) {
  const button = make("button", text);
  button.type = "button";
  button.dataset.subject = subject;
  button.addEventListener("click", () => ask(subject));
  return button;
}

function head(table, names) {
  const row = table.createTHead().insertRow();
  for (const name of names) {
    const title = row.appendChild(make("th"));
    title.scope = "col";
    title.append(name);
  }
  return table.createTBody();
}

function rowHead(body, content) {
  const row = body.insertRow();
  const title = row.appendChild(make("th"));
  title.scope = "row";
  title.append(content);
  return row;
}

function showStatus(status) {
  const counts = by("counts");
  counts.replaceChildren();
  for (const name of ["speakers", "sessions", "prefixes", "services"]) {
    const { good, total } = status[name];
    const pair = counts.appendChild(make("div"));
    pair.append(make("dt", name), make("dd", `${good} of ${total}`, good === total ? "good" : "bad"));
  }
  const pair = counts.appendChild(make("div"));
  pair.append(make("dt", "controller"), make("dd", status.leader || "none"));
  const lines = [...status.problems, ...status.notes].map((step) => {
    const line = make("li", `${step.hop}: ${step.reason ? step.reason + ": " : ""}${step.message}`);
    line.className = step.verdict === "broken" ? "bad" : "";
    if (step.next) line.append(make("span", `Next: ${step.next}`, "next"));
    return line;
  });
  by("problems").replaceChildren(...(lines.length ? lines : [make("li", "No problems.", "good")]));
}

function showPools(pools) {
  by("pools").replaceChildren(...(pools.length ? pools.map(pool) : [make("li", "There is no IPAddressPool.")]));
}

function pool(row) {
  const line = make("li", `${row.pool} ${row.family}: ${row.use}`);
  const bar = line.appendChild(make("progress"));
  bar.value = row.share;
  bar.setAttribute("aria-label", `${row.pool} ${row.family}`);
  return line;
}

/** Show the sessions of each node, how far its drain is, and what it announces on its LANs. */
function showNodes(rows, known) {
  const peers = [...new Set(rows.map((row) => row.peer))].sort();
  const nodes = new Map();
  for (const row of rows) nodes.set(row.node, (nodes.get(row.node) || new Map()).set(row.peer, row));
  const more = [["drain", "Drain"], ["lan", "LAN"]].filter(([name]) => known.some((node) => node[name]));
  const said = new Map(known.map((node) => [node.node, node]));
  for (const node of known) if (more.some(([name]) => node[name]) && !nodes.has(node.node)) nodes.set(node.node, new Map());
  const table = make("table");
  const body = head(table, ["Node", ...peers.map((peer) => question(peer, `peer/${peer}`)), ...more.map(([, title]) => title)]);
  for (const [node, sessions] of nodes) {
    const line = rowHead(body, question(node, `node/${node}`));
    for (const peer of peers) {
      const row = sessions.get(peer);
      if (!row) { cell(line, "–"); continue; }
      const place = cell(line, `${row.state}, ${row.sent} of ${row.wanted} sent`, row.isGood ? "good" : "bad");
      if (row.error) place.append(make("span", row.error, "next"));
    }
    for (const [name] of more) cell(line, said.get(node)?.[name] || "–");
  }
  by("peers").replaceChildren(...table.children);
}

function showServices() {
  if (!now) return;
  const text = by("find").value.trim().toLowerCase(), onlyBad = by("bad").checked;
  const fits = (row) => !(onlyBad && row.good !== false) &&
    [row.name, ...row.addresses, ...row.pools, row.reason].join(" ").toLowerCase().includes(text);
  const rows = now.services.filter(fits), table = make("table");
  const body = head(table, ["Service", "Addresses", "Pools", "State"]);
  for (const row of rows.slice(0, SHOWN)) {
    const line = rowHead(body, question(row.name, `service/${row.name}`));
    cell(line, row.addresses.join(" ") || "none");
    cell(line, row.pools.join(" "));
    const said = row.reason && row.good !== true ? `${row.reason}: ${row.message}` : row.message;
    cell(line, said, row.good === true ? "good" : row.good === false ? "bad" : "");
  }
  by("services").replaceChildren(...table.children);
  const more = rows.length > SHOWN ? `; the first ${SHOWN} are shown` : "";
  by("found").textContent = `${rows.length} of ${now.services.length} Services${more}`;
}

async function ask(subject) {
  const response = await fetch(`explain?subject=${encodeURIComponent(subject)}`);
  const found = await response.json();
  by("h-answer").textContent = found.subject || subject;
  by("summary").textContent = found.summary || found.error;
  by("steps").replaceChildren(...(found.steps || []).map((step, index) => {
    const about = step.nodes.length ? ` (${step.nodes.slice(0, 3).join(" ")}${step.nodes.length > 3 ? " …" : ""})` : "";
    const line = make("li", `${step.verdict}: ${step.hop}${about}: ${step.reason ? step.reason + ": " : ""}${step.message}`);
    line.className = [step.verdict === "broken" ? "bad" : "", index === found.firstBroken ? "first" : ""].join(" ").trim();
    if (step.next) line.append(make("span", `Next: ${step.next}`, "next"));
    return line;
  }));
  by("answer").hidden = false;
  by("h-answer").focus();
}

/** Show something new, and leave the focus at the same question. */
function keepFocus(show) {
  const subject = document.activeElement?.dataset.subject;
  show();
  if (subject) document.querySelector(`[data-subject="${CSS.escape(subject)}"]`)?.focus({ preventScroll: true });
}

function say(text, name) {
  const state = by("state");
  if (state.textContent !== text) state.textContent = text;
  state.className = name;
}

by("close").addEventListener("click", () => { by("answer").hidden = true; by("find").focus(); });
by("find").addEventListener("input", showServices);
by("bad").addEventListener("change", showServices);

const events = new EventSource("events");
events.addEventListener("message", (event) => {
  now = JSON.parse(event.data);
  say(now.status.good ? "all is well" : "there are problems", now.status.good ? "good" : "bad");
  showStatus(now.status);
  showPools(now.pools);
  keepFocus(() => {
    showNodes(now.peers, now.nodes);
    showServices();
  });
});
let missing = "";
events.addEventListener("missing", (event) => { missing = event.data; });
events.addEventListener("error", () => { // also at the end of a stream that named missing kinds
  say(missing || "no connection: does kubectl, which leads here, still run?", "bad");
  missing = "";
});
