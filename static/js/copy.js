// <button data-copy="#id-or-text" data-copied="Copied" hidden>: shown only where copying works.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  const words = button.querySelector("[data-label]") ?? button;
  const before = words.textContent;
  button.addEventListener("click", async () => {
    const source = button.dataset.copy;
    const from = source.startsWith("#") ? document.querySelector(source) : null;
    await navigator.clipboard.writeText(from ? (from.value ?? from.textContent).trim() : source);
    words.textContent = button.dataset.copied;
    setTimeout(() => (words.textContent = before), 2500);
  });
}
