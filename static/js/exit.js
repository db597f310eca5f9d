// "Exit this page": the link, or Shift three times. Not Escape: people press that to close things.
// The page is covered at once, the address replaced, and nothing of it is left one step back.
const link = document.querySelector("[data-exit]");

if (link) {
  const leave = () => {
    const cover = document.createElement("div");
    cover.className = "exit-cover";
    document.body.append(cover);
    document.title = " ";
    history.replaceState(null, "", "/");
    location.replace(link.href);
  };

  link.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });

  let presses = 0;
  let since = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Shift" || event.repeat) {
      if (event.key !== "Shift") presses = 0;
      return;
    }
    const now = performance.now();
    if (now - since > 2000) presses = 0;
    if (presses === 0) since = now;
    presses += 1;
    if (presses === 3) leave();
  });
}
