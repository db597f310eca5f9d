// Says every time in the reader's own zone, beside the event's.
// <time class="when" datetime="…" data-end="…" data-zone="Europe/Berlin" data-in="in Berlin">
// becomes "Thu 4 June, 18:00–19:30 (your time) · 19:00 in Berlin".
// It runs before the first paint (`blocking="render"`), so that nothing moves under a thumb.
// The `tz` cookie lets the server write the same words itself next time. The help page keeps no
// cookie, and does not load this file.
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
const language = document.documentElement.lang || "en";
// Arabic with the digits of the rest of the page.
const locale = { en: "en-GB", ar: "ar-u-nu-latn" }[language] ?? language;

if (here && !document.cookie.split("; ").includes(`tz=${encodeURIComponent(here)}`)) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `tz=${encodeURIComponent(here)}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

const afterWeekday = ["de", "pt-br"].includes(language) ? "," : "";
const comma = language === "ar" ? "،" : ",";

const part = (date, zone, options) =>
  new Intl.DateTimeFormat(locale, { timeZone: zone, ...options }).format(date);
const clock = (date, zone) => part(date, zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = (date, zone) => {
  const weekday = part(date, zone, { weekday: "short" }).replace(/[.,]/g, "");
  return `${weekday}${afterWeekday} ${part(date, zone, { day: "numeric", month: "long" })}`;
};

function span(start, end, zone) {
  const first = `${day(start, zone)}${comma} ${clock(start, zone)}`;
  if (!end) return first;
  const isOneNight = end - start < 12 * 3600e3;
  if (isOneNight || day(start, zone) === day(end, zone)) return `${first}–${clock(end, zone)}`;
  return `${first} – ${day(end, zone)}${comma} ${clock(end, zone)}`;
}

function offset(date, zone) {
  return part(date, zone, { timeZoneName: "longOffset", hour: "2-digit" }).replace(/^.*GMT/, "");
}

// The day, the hour it begins, the hour it ends, and what follows: no line ends within the hours.
const PIECES = /(.*?)(\d\d:\d\d)(–\d\d:\d\d)?(.*)/;
const inSpan = (className, textContent) =>
  Object.assign(document.createElement("span"), { className, textContent });

export function show(root) {
  for (const time of root.querySelectorAll("time.when[data-zone]")) {
    const { zone, in: place, yours } = time.dataset;
    const start = new Date(time.dateTime);
    if (Number.isNaN(start.valueOf()) || offset(start, here) === offset(start, zone)) continue;
    const end = time.dataset.end ? new Date(time.dataset.end) : null;
    const sameDay = day(start, here) === day(start, zone);
    const there = sameDay ? clock(start, zone) : `${day(start, zone)}${comma} ${clock(start, zone)}`;
    const [, itsDay, begins, ends = "", rest] = PIECES.exec(`${span(start, end, here)} ${yours}`);
    const isUnderLeaf = time.querySelector(".day");
    time.querySelector(".here").replaceChildren(
      isUnderLeaf ? inSpan("day", itsDay) : itsDay, begins, inSpan("to", ends), rest,
    );
    time.querySelector(".there").textContent = `${there} ${place}`;
    const leaf = time.closest(".event-card")?.querySelector(".date-leaf");
    if (leaf) {
      const parts = [{ weekday: "short" }, { day: "numeric" }, { month: "short" }];
      parts.forEach((options, i) => {
        leaf.children[i].textContent = part(start, here, options).replace(".", "");
      });
    }
  }
}

if (here) {
  show(document);
  document.addEventListener("htmx:afterSwap", (event) => show(event.target));
}
