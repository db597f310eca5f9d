// The door: live numbers on the list, and the scanner, which works without a network.
// What is scanned is kept first and sent then, each scan under a name of its own, so that a scan
// sent twice counts once. The server has the last word; without it the kept list answers.

for (const box of document.querySelectorAll("[data-numbers]")) {
  const look = async () => {
    if (document.hidden) return;
    const answer = await fetch(box.dataset.numbers).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const numbers = await answer.json();
    for (const [name, value] of Object.entries(numbers)) {
      const place = box.querySelector(`[data-${name}] .value`);
      if (place) place.textContent = value;
    }
  };
  setInterval(look, 5000);
}

const scanner = document.getElementById("scanner");
if (scanner) start(scanner);

function start(root) {
  const find = (name) => root.querySelector(`[data-${name}]`);
  const say = root.dataset;
  const key = `door-${say.date}`;
  const token = root.querySelector("[name=csrfmiddlewaretoken]").value;
  const keep = (name, value) => localStorage.setItem(`${key}-${name}`, JSON.stringify(value));
  const kept = (name) => JSON.parse(localStorage.getItem(`${key}-${name}`) || "null");
  const drop = (name) => localStorage.removeItem(`${key}-${name}`);

  forgetWhatIsOver();
  if (kept("list")) keep("ends", say.ends);
  let isSending = false;
  let lastCode = "";
  let lastAt = 0;

  function forgetWhatIsOver() {
    // Six hours after the end no phone still needs the names. Scans stay until they are sent.
    for (const name of Object.keys(localStorage)) {
      const [, date] = /^door-(\d+)-ends$/.exec(name) || [];
      if (date && Date.parse(JSON.parse(localStorage[name])) + 6 * 3600e3 < Date.now()) {
        localStorage.removeItem(`door-${date}-list`);
        localStorage.removeItem(name);
      }
    }
  }

  function showState() {
    const waiting = (kept("scans") || []).length;
    const list = kept("list");
    find("forget").hidden = !list;
    find("state").textContent = [list ? say.sayReady : "", waiting ? `${waiting} ${say.sayWaiting}` : ""].join(" ");
  }

  function tell(tone, headline, detail = "") {
    const box = find("said");
    box.className = `scan-said notice ${tone}`;
    find("headline").textContent = headline;
    find("detail").textContent = detail;
    const item = document.createElement("li");
    item.textContent = `${headline} ${detail}`;
    find("latest").prepend(item);
    find("history").hidden = false;
    while (find("latest").children.length > 12) find("latest").lastChild.remove();
    navigator.vibrate?.(tone === "good" ? 60 : [60, 60, 60]);
  }

  const clock = (moment) =>
    new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" }).format(new Date(moment));
  const people = (name, party) => (party > 1 ? `${name} (${party})` : name);

  function report(result) {
    const who = people(result.name, result.party);
    if (result.outcome === "in") tell("good", `${say.sayIn} ${who}`);
    else if (result.outcome === "again") tell("warm", `${say.sayAgain} ${clock(result.came_at)}:`, who);
    else if (result.outcome === "not_going") tell("bad", say.sayNotGoing, who);
    else if (result.outcome === "other_date") tell("bad", say.sayOtherDate, who);
    else tell("bad", say.sayUnknown);
  }

  // Without the server: what the kept list knows.
  function answerAlone(scan) {
    const list = kept("list");
    const person = list?.find((one) => one.reference === scan.reference);
    if (!list) return tell("", say.sayKept, scan.reference);
    if (!person) return tell("bad", say.sayUnknown);
    if (person.came_at || person.came) {
      return tell("warm", `${say.sayAgain} ${person.came_at ? clock(person.came_at) : "…"}:`, people(person.name, person.party));
    }
    person.came_at = scan.seen_at;
    keep("list", list);
    tell("good", `${say.sayIn} ${people(person.name, person.party)}`, say.sayKept.replace(/:$/, ""));
  }

  async function send(fresh) {
    if (isSending) return;
    const scans = (kept("scans") || []).slice(0, 200);
    if (!scans.length) return showState();
    isSending = true;
    try {
      const answer = await fetch(say.sync, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token },
        body: JSON.stringify({ scans }),
      });
      if (answer.redirected || answer.status === 403) throw new Error("signed out");
      if (!answer.ok) throw new Error("later");
      const { results, came, expected } = await answer.json();
      const sent = new Set(scans.map((scan) => scan.id));
      keep("scans", (kept("scans") || []).filter((scan) => !sent.has(scan.id)));
      find("came").textContent = came;
      find("expected").textContent = expected;
      const list = kept("list");
      for (const result of results) {
        const person = list?.find((one) => one.reference === result.reference);
        if (person && result.came_at) person.came_at = result.came_at;
        // What was answered alone is said again only where the server knows better.
        if (result.id === fresh || result.outcome !== "in") report(result);
      }
      if (list) keep("list", list);
    } catch (error) {
      if (error.message === "signed out") tell("bad", say.saySignedOut);
      const scan = (kept("scans") || []).find((one) => one.id === fresh);
      if (scan) answerAlone(scan);
    } finally {
      isSending = false;
      showState();
    }
  }

  function read(code, isTyped = false) {
    const reference = code.trim().toUpperCase().replace(/^GR:/, "");
    // A camera reads the same code many times while it is held there.
    if (!reference || (!isTyped && reference === lastCode && Date.now() - lastAt < 4000)) return;
    lastCode = reference;
    lastAt = Date.now();
    if (!/^[0-9A-Z]{6,12}$/.test(reference)) return tell("bad", say.sayUnknown);
    const scan = { id: crypto.randomUUID(), reference, seen_at: new Date().toISOString() };
    keep("scans", [...(kept("scans") || []), scan]);
    send(scan.id);
  }

  find("start").addEventListener("click", async () => {
    try {
      const { watch } = await import(say.camera);
      await watch(find("camera"), say.decoder, read);
      find("start").hidden = true;
    } catch {
      find("camera").hidden = true;
      tell("bad", say.sayNoCamera);
    }
  });

  find("typed").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = event.target.elements.reference;
    read(field.value, true);
    field.value = "";
  });

  find("get-ready").addEventListener("click", async () => {
    const answer = await fetch(say.ready, { method: "POST", headers: { "X-CSRFToken": token } }).catch(() => null);
    if (!answer?.ok || answer.redirected) return tell("bad", say.sayNotReady);
    const { people: list, came, expected } = await answer.json();
    keep("list", list);
    keep("ends", say.ends);
    find("came").textContent = came;
    find("expected").textContent = expected;
    // The page itself, for when it is opened anew without a network (see the worker).
    await window.caches?.open("door-1").then((shelf) => shelf.add(location.pathname + location.search)).catch(() => {});
    tell("good", say.sayReady);
    showState();
  });
  find("forget").addEventListener("click", () => {
    drop("list");
    drop("ends");
    showState();
  });

  addEventListener("online", () => send());
  setInterval(() => navigator.onLine && send(), 5000);
  navigator.serviceWorker?.register(say.worker).catch(() => {});
  showState();
  send();
}
