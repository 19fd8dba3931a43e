// What the page does without the server: keeps conversations, shows the sources of a marker, copies, opens drawers.
// Everything a source or a user wrote is set with textContent; no markup is made here.
"use strict";
window.oka = (() => {
  const PREFIX = "oka:", HERE = "oka-current", DRAFT = "oka-draft", SCOPE = "oka-only", MOST = 40, TURNS = 50;
  let trigger = null, conversation = null;
  const $ = (selector, root = document) => root.querySelector(selector);
  const text = (tag, words, kind) => Object.assign(document.createElement(tag), { textContent: words, className: kind || "" });
  const read = (key) => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } };

  // ---- conversations: one item of localStorage each; where two tabs have the same one, the turns of both are kept
  function kept(key) {
    const found = read(key);
    return found && found.id && Array.isArray(found.turns) ? found : null;
  }

  function saved() {
    return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map(kept).filter(Boolean)
      .sort((a, b) => (b.at || 0) - (a.at || 0));
  }

  // The conversation says itself what the page shows beside it: a running question, one that is being edited. A note and
  // what was said belong to the conversation as it was.
  let state = "";
  function mirror() {
    const now = JSON.stringify([conversation.id, ids(conversation.turns), conversation.pending, conversation.editing]);
    if (now !== state) { state = now; endNote(); say(""); }
    const pending = conversation.pending, box = $("#oka-box textarea");
    const edited = conversation.turns.find((turn) => turn.id === conversation.editing);
    busy(pending && pending.running);
    document.body.classList.toggle("oka-changing", Boolean(edited));
    $("#oka-notice").textContent = edited ? "Editing: asking replaces the question and what follows it." : "";
    if (pending && pending.running && box.value === pending.question) { // it has arrived
      write(box, "");
      sessionStorage.removeItem(DRAFT);
      if (!withKeys()) box.blur();
    }
  }

  function busy(is) { // of Ask and Stop one is hidden, the one that was pressed
    document.body.classList.toggle("oka-busy", Boolean(is));
    const focused = document.activeElement;
    if (focused && focused.closest("#oka-box") && !focused.checkVisibility()) goOn();
  }
  const isBusy = () => document.body.classList.contains("oka-busy");

  // One question at a time, from the click on: Gradio would ask a second one beside it and keep what comes last.
  function gate(event) {
    const box = $("#oka-box textarea"), clicked = ".oka-ask, .oka-retry, #oka-why button.sm, #oka-box .submit-button";
    const asks = event.type === "click" ? event.target.closest(clicked) : event.key === "Enter" && !event.shiftKey && event.target === box && box;
    if (!asks) return;
    if (isBusy()) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (!asks.closest("#oka-why") && (!asks.closest("#oka-box") || box.value.trim())) busy(true);
  }
  for (const kind of ["click", "keypress"]) document.addEventListener(kind, gate, true);

  function instead(kind, data) { // what takes the place of a running question ends it
    busy(false);
    trigger(kind, data);
  }

  function say(words) {
    $("#oka-said").textContent = words;
  }

  // ---- a note on an answer, once a thumb is given
  let noting = "";
  function startNote(turn) {
    const field = $("#oka-note textarea");
    if (turn !== noting) write(field, "");
    noting = turn;
    say("");
    document.body.classList.add("oka-noting");
    field.focus();
  }

  function endNote() {
    const inside = document.activeElement && document.activeElement.closest("#oka-noting");
    const thumb = $(`#oka-a-${noting} .oka-vote-down`);
    noting = "";
    document.body.classList.remove("oka-noting");
    write($("#oka-note textarea"), "");
    if (inside) (thumb || $("#oka-box textarea")).focus({ preventScroll: true });
  }

  function closeNote() { // what another tab did in the meantime is shown now
    endNote();
    join();
  }

  function noted(words, said) { // words that couldn't be kept stay in the field
    if (!words) closeNote();
    say(said);
  }

  function write(box, words) {
    box.value = words;
    box.dispatchEvent(new Event("input"));
  }

  // A new question goes to the top of the view, its answer is read from there downwards and nothing moves as it grows.
  let latest = "";
  function lead() {
    const asked = conversation.pending || conversation.turns.at(-1);
    if (!asked) return;
    const fresh = asked.id !== latest;
    latest = asked.id;
    const show = (tries) => {
      const question = document.getElementById("oka-q-" + asked.id);
      if (!question) return void (tries && requestAnimationFrame(() => show(tries - 1)));
      room(question);
      if (fresh) question.scrollIntoView({ block: "start" });
    };
    show(30);
  }

  // What is still to come has no height yet: without room below it a question can't go to the top.
  function room(question) {
    const all = question.closest(".message-wrap"), view = question.closest(".wrapper");
    const below = all.getBoundingClientRect().bottom - parseFloat(getComputedStyle(all).paddingBottom);
    const filled = below - question.getBoundingClientRect().top;
    all.style.paddingBottom = Math.max(0, view.clientHeight - filled) + "px";
  }

  function keep(dump) {
    conversation = dump ? JSON.parse(dump) : null;
    if (!conversation) return;
    mirror();
    sessionStorage.setItem(HERE, conversation.id);
    const stored = store();
    for (const turn of conversation.turns) shown.set(turn.id, turn.vote);
    list();
    lead();
    point(conversation.turns.length ? conversation.turns.at(-1).id : "");
    if (stored) join();
  }

  // The turns that this tab has shown, with their votes: one that it shows no more was taken back, and a vote that differs was
  // given here; a turn that it never showed, and a vote that differs otherwise, are another tab's.
  const shown = new Map();
  const ids = (turns) => turns.map((turn) => turn.id).join();
  const ways = (turns) => turns.map((turn) => turn.id + turn.vote).join();

  function merged(old) {
    const here = new Map(conversation.turns.map((turn) => [turn.id, turn])), turns = [];
    for (const turn of old ? old.turns : []) {
      const mine = here.get(turn.id);
      if (mine) turns.push(shown.get(turn.id) === mine.vote ? { ...mine, vote: turn.vote } : mine);
      else if (!shown.has(turn.id)) turns.push(turn);
      here.delete(turn.id);
    }
    return [...turns, ...here.values()].slice(-TURNS);
  }

  function store() { // whether the storage has this conversation now
    const old = kept(PREFIX + conversation.id), turns = merged(old);
    if (!turns.length && !conversation.pending) return void localStorage.removeItem(PREFIX + conversation.id);
    const same = old && old.turns.length === turns.length;
    const item = JSON.stringify({ ...conversation, turns, editing: null, at: same ? old.at : Date.now() });
    for (const spare of saved().slice(MOST)) localStorage.removeItem(PREFIX + spare.id);
    for (;;) {
      try { localStorage.setItem(PREFIX + conversation.id, item); return true; }
      catch { // full: the oldest goes
        const oldest = saved().pop();
        if (!oldest || oldest.id === conversation.id) return false;
        localStorage.removeItem(PREFIX + oldest.id);
      }
    }
  }

  // Shows what another tab did to this conversation, unless something is under way here; then keep() comes back to it.
  function join() {
    const both = kept(PREFIX + conversation.id), { pending, editing, turns } = conversation;
    if (!both || editing || noting || isBusy() || ways(both.turns) === ways(turns)) return;
    const mine = pending && !both.turns.some((turn) => turn.id === pending.id) ? pending : null;
    trigger("select", { conversation: JSON.stringify({ ...both, pending: mine }) });
  }

  window.addEventListener("storage", (event) => {
    if (event.key && !event.key.startsWith(PREFIX)) return;
    list();
    if (conversation && event.key === PREFIX + conversation.id) join();
  });

  const titleOf = (kept) => (kept.turns[0] || kept.pending || {}).question || "…";

  function list() {
    const nav = $("#oka-nav");
    if (!nav) return;
    const fresh = text("button", "New conversation", "oka-new");
    if (removed && kept(PREFIX + removed.id)) removed = null; // it came back
    const items = saved().map((kept) => {
      const item = document.createElement("li");
      const title = titleOf(kept);
      const open = text("button", title, "oka-saved");
      open.title = title;
      open.dataset.id = kept.id;
      if (conversation && kept.id === conversation.id) open.setAttribute("aria-current", "true");
      const remove = text("button", "×", "oka-remove");
      remove.setAttribute("aria-label", "Delete conversation: " + title);
      remove.dataset.id = kept.id;
      item.append(open, remove);
      return item;
    });
    const all = document.createElement("ul");
    all.append(...items);
    const tools = document.createElement("div");
    tools.className = "oka-tools";
    if (conversation && conversation.turns.length) tools.append(text("button", "Export", "oka-export"), text("button", "Delete", "oka-clear"));
    if (removed) tools.append(text("button", `Bring back “${titleOf(removed)}”`, "oka-back"));
    const had = nav.contains(document.activeElement) && document.activeElement;
    nav.replaceChildren(fresh, all, tools);
    const same = (button) => button.className === had.className && button.dataset.id === had.dataset.id;
    if (had) ([...nav.querySelectorAll("button")].find(same) || fresh).focus();
  }

  // ---- what answers are looked for in: kept for this tab, and with each question; a conversation goes on in its last one's
  const scope = () => sessionStorage.getItem(SCOPE) || "";

  function setScope(only) {
    sessionStorage.setItem(SCOPE, only);
    showScope();
  }

  function showScope() {
    const list = $("#oka-only"), line = $("#oka-within");
    if (!list || !line || (list.value === scope() && line.hidden === !scope())) return; // Gradio may mount them anew
    list.value = scope();
    if (!list.value) { // the documents have it no more
      list.value = "";
      sessionStorage.removeItem(SCOPE);
    }
    line.hidden = !list.value;
    $("span", line).textContent = `Answers only from: ${list.selectedOptions[0].textContent}`;
  }

  function open(id) {
    const last = kept(PREFIX + id);
    setScope(last && ((last.pending || last.turns.at(-1) || {}).only) || "");
    load(id);
  }

  function load(id) {
    if (conversation && conversation.editing) { // what is being edited stays with its conversation
      write($("#oka-box textarea"), "");
      sessionStorage.removeItem(DRAFT);
    }
    sessionStorage.setItem(HERE, id);
    instead("select", { conversation: localStorage.getItem(PREFIX + id) || "" });
  }

  let removed = null;
  function remove(id) {
    removed = kept(PREFIX + id) || removed;
    localStorage.removeItem(PREFIX + id);
    if (conversation && conversation.id === id) open(""); else list();
  }

  // ---- sources
  function point(turn) { // show one answer's sources
    document.querySelectorAll(".oka-sources").forEach((part) => part.classList.toggle("oka-chosen", part.id === "oka-s-" + turn));
  }

  const cardOf = (mark) => document.getElementById([...mark.classList].find((name) => name.startsWith("oka-c-")) || "");

  function showCard(card, from) {
    point(card.closest(".oka-sources").id.slice("oka-s-".length));
    drawer("oka-side", true, from);
    document.querySelectorAll(".oka-card.oka-on").forEach((other) => other.classList.remove("oka-on"));
    card.classList.add("oka-on");
    card.scrollIntoView({ block: "nearest" });
    card.focus({ preventScroll: true });
  }

  function showSources() { // "Why this answer" may be open above them
    const head = $("#oka-cited");
    head.scrollIntoView({ block: "start" });
    head.focus({ preventScroll: true });
  }

  let tip = null, tipped = null;
  function showTip(mark) {
    const card = cardOf(mark);
    if (!card || tipped === mark) return;
    hideTip();
    tip = text("div", "", "oka-tip");
    tip.id = "oka-tip";
    tip.setAttribute("role", "tooltip");
    tip.append(text("strong", $("h3", card).lastChild.textContent.trim()), text("span", $(".oka-where", card).textContent),
               text("q", $("mark", card).textContent.slice(0, 400)));
    document.body.append(tip);
    mark.setAttribute("aria-describedby", "oka-tip");
    const at = mark.getBoundingClientRect(), size = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(at.left, innerWidth - size.width - 8)) + "px";
    tip.style.top = (at.top > size.height + 12 ? at.top - size.height - 6 : at.bottom + 6) + "px";
    tipped = mark;
  }
  function hideTip() {
    if (tip) tip.remove();
    if (tipped) tipped.removeAttribute("aria-describedby");
    tip = tipped = null;
  }

  // ---- drawers on narrow screens; one that is left, by keyboard or a click beside it, closes: it covers what is gone to
  let opener = null;
  function drawer(name, on, from) {
    document.body.classList.toggle(name, on);
    if (on) opener = from || document.activeElement;
    else if (opener) { (opener.isConnected ? opener : $("#oka-box textarea")).focus(); opener = null; }
  }

  for (const kind of ["focusin", "pointerdown"]) document.addEventListener(kind, (event) => {
    if (!opener || event.target.closest("#oka-left, #oka-right")) return;
    opener = null;
    document.body.classList.remove("oka-menu", "oka-side");
  });

  // ---- copying
  async function copy(words, button) {
    const label = button.textContent;
    try { await navigator.clipboard.writeText(words); button.textContent = "Copied"; }
    catch { button.textContent = "Copying is blocked"; }
    setTimeout(() => { button.textContent = label; }, 1500);
  }

  function withSources(turn) {
    const notes = turn.answer.citations.map((c) => `[${c.number}] ${c.title}: ${new URL(c.link, document.baseURI).href}`);
    return turn.answer.text + (notes.length ? "\n\n" + notes.join("\n") : "");
  }

  function asMarkdown(table) {
    const words = (cell) => {
      const copied = cell.cloneNode(true);
      for (const link of copied.querySelectorAll("a:not(.oka-mark)")) link.textContent = `[${link.textContent}](${link.href})`;
      return copied.textContent.replace(/\s+/g, " ").trim().replaceAll("|", "\\|");
    };
    const line = (cells) => `| ${cells.join(" | ")} |`;
    const [head, ...rows] = [...table.rows].map((row) => [...row.cells].map(words));
    return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n") + "\n";
  }

  const turnOf = (element) => {
    const holder = element.closest("[id^=oka-a-], [id^=oka-q-]");
    return holder ? holder.id.slice("oka-a-".length) : "";
  };

  // What is clicked goes away with what it was about: the keyboard goes on at the question. A phone's would cover the answer.
  const withKeys = () => matchMedia("(pointer: fine)").matches;
  const goOn = () => withKeys() && $("#oka-box textarea").focus();

  // What has the keyboard may go away later, too: a follow-up that is pressed while another answer is written, say.
  let held = null;
  for (const kind of ["focusin", "pointerdown"]) document.addEventListener(kind, (event) => {
    held = kind === "focusin" && event.target.closest("#oka-chat, #oka-offers") ? event.target : null;
  });

  function holdOn() {
    if (!held || held.isConnected) return;
    held = null;
    if (document.activeElement === document.body) goOn();
  }

  document.addEventListener("click", (event) => {
    const mark = event.target.closest(".oka-mark");
    if (mark && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      const card = cardOf(mark);
      if (card) { event.preventDefault(); hideTip(); showCard(card, mark); }
      return;
    }
    const button = event.target.closest("button");
    if (!button) return;
    const is = (kind) => button.classList.contains(kind), turn = turnOf(button);
    if (is("oka-copy-table")) copy(asMarkdown($("table", button.parentElement)), button);
    else if (is("oka-copy")) copy($("code", button.parentElement).textContent, button);
    else if (is("oka-copy-answer")) copy(withSources(conversation.turns.find((kept) => kept.id === turn)), button);
    else if (is("oka-ask")) { trigger("submit", { question: button.textContent }); goOn(); }
    else if (is("oka-edit") || is("oka-undo")) {
      instead(is("oka-edit") ? "edit" : "undo", { turn });
      $("#oka-box textarea").focus();
    }
    else if (is("oka-retry")) { trigger("retry", {}); goOn(); }
    else if (button.closest("#oka-editing")) goOn();
    else if (is("oka-vote-up") || is("oka-vote-down")) {
      trigger("like", { turn, vote: is("oka-vote-up") ? "up" : "down" });
      startNote(turn);
    }
    else if (is("stop-button")) busy(false); // also before the answer has begun
    else if (is("oka-no-note")) closeNote();
    else if (is("oka-show")) { point(turn); drawer("oka-side", true, button); showSources(); }
    else if (is("oka-new")) { open(""); drawer("oka-menu", false); $("#oka-box textarea").focus(); }
    else if (is("oka-saved")) { open(button.dataset.id); drawer("oka-menu", false); }
    else if (is("oka-remove")) remove(button.dataset.id);
    else if (is("oka-back")) {
      localStorage.setItem(PREFIX + removed.id, JSON.stringify(removed));
      open(removed.id);
      drawer("oka-menu", false);
    }
    else if (is("oka-clear")) { if (conversation) remove(conversation.id); }
    else if (is("oka-anywhere")) { setScope(""); $("#oka-box textarea").focus(); }
    else if (is("oka-export")) trigger("copy", {});
    else if (is("oka-open-menu")) { drawer("oka-menu", true, button); $(".oka-new").focus(); }
    else if (is("oka-open-side")) { drawer("oka-side", true, button); $("#oka-right .oka-close").focus(); }
    else if (is("oka-close")) { drawer("oka-menu", false); drawer("oka-side", false); }
  });
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (event) => {
    const mark = event.target.closest && event.target.closest(".oka-mark");
    if (kind === "focusin" && event.target.matches(".oka-ask")) event.target.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (mark) showTip(mark); else if (tip && !tip.contains(event.target)) hideTip();
  });
  document.addEventListener("change", (event) => { if (event.target.matches("#oka-only")) setScope(event.target.value); });
  document.addEventListener("input", (event) => { // what is typed outlives a reload, as Gradio does when a lost server is back
    if (!event.target.matches("#oka-main textarea")) return;
    const { value, maxLength } = event.target;
    if (event.target.matches("#oka-box textarea")) sessionStorage.setItem(DRAFT, value);
    const full = maxLength > 0 && value.length >= maxLength;
    const most = maxLength.toLocaleString("en");
    say(full ? `${most} characters are the most that is read; what goes beyond is left out.` : "");
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (tip) hideTip();
    else if (event.target.closest("#oka-noting")) closeNote();
    else { drawer("oka-menu", false); drawer("oka-side", false); }
  });

  // Gradio names each message by its source, which is HTML here; a screen reader is better served by who speaks.
  let greeted = false;
  function tidy() {
    const box = $("#oka-box textarea");
    if (box && !greeted) {
      greeted = true;
      const draft = sessionStorage.getItem(DRAFT);
      if (draft) setTimeout(() => write($("#oka-box textarea"), draft), 100); // Gradio sets its own value first
      goOn();
    }
    holdOn();
    showScope();
    for (const [kind, name] of [["submit", "Ask"], ["stop", "Stop"]]) {
      const button = $(`#oka-box .${kind}-button`); // Gradio gives it a picture only
      if (button && !button.ariaLabel) button.ariaLabel = name;
    }
    const offline = $(".oka-offline"), fetching = $("#oka-fetch");
    if (offline && fetching && !fetching.title) fetching.title = offline.textContent; // why it is disabled
    if ($("#oka-nav") && !$("#oka-nav").firstChild) list(); // Gradio mounts it late, and may mount it anew
    for (const message of document.querySelectorAll("#oka-chat [aria-label*=\"message: <\"]"))
      message.setAttribute("aria-label", message.getAttribute("aria-label").startsWith("user") ? "Your question" : "Answer");
  }

  // A server that can't be reached: said in the page, whatever Gradio was about to do.
  function lost(is) {
    const notice = $("#oka-lost");
    if (notice) notice.hidden = !is;
    if (is) busy(false);
  }
  const plainly = window.fetch;
  window.fetch = async (...request) => {
    try {
      const reply = await inTurn(...request);
      lost(false);
      return reply;
    } catch (error) {
      if (error.name !== "AbortError") lost(true);
      throw error;
    }
  };

  // Gradio cancels an event by the id that the server gave it. Before that id has come it sends none: the server refuses, and
  // the event goes on. So a cancelling waits for the id, and what is sent after a cancelling waits for that.
  const joined = new Map(); // promises of ids, by the function of an event
  let cancelling = null;
  async function inTurn(address, options = {}) {
    const is = (path) => String(address).split("?")[0].endsWith(path), body = options.body;
    if (is("/cancel")) return cancelling = cancel(address, options);
    if (is("/reset") && !JSON.parse(body).event_id) return Response.json({}); // it follows a cancelling, which did all that it would
    const asks = is("/queue/join");
    if (asks || is("/run/predict")) await Promise.allSettled([cancelling]);
    const reply = plainly(address, options);
    reply.then((got) => got.ok || busy(false), () => {}); // refused: too many wait, or too many were asked
    if (asks) joined.set(JSON.parse(body).fn_index, reply.then((got) => got.clone().json()).then((got) => got.event_id, () => undefined));
    return reply;
  }

  async function cancel(address, options) {
    const body = JSON.parse(options.body);
    body.event_id ??= await joined.get(body.fn_index);
    return body.event_id ? plainly(address, { ...options, body: JSON.stringify(body) }) : Response.json({});
  }
  window.addEventListener("offline", () => lost(true));

  function connect(send) {
    trigger = send;
    new MutationObserver(tidy).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["aria-label"] });
    list();
    const asked = new URLSearchParams(location.search).get("q");
    const id = sessionStorage.getItem(HERE);
    if (asked) {
      history.replaceState(null, "", location.pathname);
      setScope("");
      trigger("submit", { question: asked });
    } else if (id && localStorage.getItem(PREFIX + id)) load(id);
  }

  function download(words) {
    const link = document.createElement("a");
    const whole = words.replaceAll("](kb/", `](${new URL("kb/", document.baseURI).href}`); // the file is read elsewhere
    link.href = URL.createObjectURL(new Blob([whole], { type: "text/markdown" }));
    link.download = "oka-conversation.md";
    link.click();
    URL.revokeObjectURL(link.href);
  }

  return { connect, keep, say, noted, download, scope };
})();
