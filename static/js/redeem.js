// A practice scans the code its client shows. What is read goes into the field, and a person still
// looks at the day and presses the button.

const box = document.querySelector("[data-scan]");
if (box && navigator.mediaDevices?.getUserMedia) {
  const start = box.querySelector("[data-start]");
  const said = box.querySelector("[data-said]");
  const field = document.getElementById("id_code");
  box.hidden = false;
  start.addEventListener("click", async () => {
    start.hidden = true;
    said.textContent = "";
    try {
      const { watch } = await import(box.dataset.camera);
      const stop = await watch(box.querySelector("video"), box.dataset.decoder, (code) => {
        stop();
        field.value = code.trim();
        said.textContent = box.dataset.sayRead;
        start.hidden = false;
        navigator.vibrate?.(60);
        field.form.querySelector("button.big").focus();
      });
    } catch {
      start.hidden = false;
      said.textContent = box.dataset.sayNoCamera;
    }
  });
}
