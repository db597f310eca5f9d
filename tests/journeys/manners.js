// What every page owes, beside what axe-core looks for. A link in a line of text may be as tall as
// the line; whatever stands alone, or is no link, is as tall as a thumb.
() => {
  const told = [];
  const seen = (e) =>
    e.checkVisibility({ visibilityProperty: true }) && !e.closest(".visually-hidden");
  const headings = [...document.querySelectorAll("h1, h2, h3, h4")].map((e) => Number(e.tagName[1]));
  if (headings.filter((level) => level === 1).length !== 1) told.push("not one h1");
  if (headings.some((level, i) => level > (headings[i - 1] ?? 0) + 1)) told.push(`h${headings}`);
  if (!/.+ – Greenroom$/.test(document.title)) told.push(`title: ${document.title}`);
  if (location.pathname !== "/help/" && !document.querySelector("a[href='/help/']")) told.push("no help");
  for (const e of document.querySelectorAll("a[href], button, select, textarea, summary, input")) {
    const target = e.matches("[type=checkbox], [type=radio]") ? e.closest("label") ?? e : e;
    const isInText = getComputedStyle(target).display === "inline"
      && target.parentElement.textContent.trim() !== target.textContent.trim();
    const { width, height } = target.getBoundingClientRect();
    if (width > 1 && seen(target) && !isInText && height < 43.5) {
      told.push(`${Math.round(height)} px: ${target.outerHTML.slice(0, 120)}`);
    }
  }
  return told;
}
