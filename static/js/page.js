// Small manners of every page: the theme button, dialogs, the error summary, one submit at a time.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

for (const button of document.querySelectorAll("[data-theme-switch]")) {
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const say = () => button.setAttribute("aria-pressed", String(isDark()));
  button.hidden = false;
  say();
  dark.addEventListener("change", say);
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    say();
  });
}

document.querySelector(".error-summary")?.focus();

// On a phone the doors of a console are a strip: the one somebody is behind comes into sight.
for (const door of document.querySelectorAll(".side-nav [aria-current], .tabs [aria-current]")) {
  const strip = door.closest(".side-nav, .tabs");
  if (strip.scrollWidth > strip.clientWidth) {
    const [one, all] = [door, strip].map((element) => element.getBoundingClientRect());
    strip.scrollLeft += (one.left + one.right - all.left - all.right) / 2;
  }
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.opens);
    if (dialog?.showModal) {
      event.preventDefault();
      dialog.showModal();
    }
  }
  if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
});

// The language list acts at once where there is JavaScript; its button is for where there is none.
for (const select of document.querySelectorAll("select[data-submits]")) {
  select.form.querySelector("button").classList.add("visually-hidden");
  select.addEventListener("change", () => select.form.requestSubmit());
}

// A second click on a form that is on its way does nothing. Coming back by history frees it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
