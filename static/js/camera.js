// Reading QR codes with the camera, for the door and for practices. The browser's own reader where
// it has one, otherwise the one at `decoder`. Each text seen is given to `onCode`.
// Gives a function that stops; throws where there is no camera or nobody allows it.

export async function watch(video, decoder, onCode) {
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  video.hidden = false;
  await video.play();
  const decode = await reader(decoder);
  let isOn = true;
  (async () => {
    while (isOn) {
      if (video.videoWidth && !document.hidden) {
        const code = await decode(video).catch(() => null);
        if (code && isOn) onCode(code);
      }
      await new Promise((next) => setTimeout(next, 150));
    }
  })();
  return () => {
    isOn = false;
    for (const track of video.srcObject.getTracks()) track.stop();
    video.hidden = true;
  };
}

async function reader(decoder) {
  if ("BarcodeDetector" in window && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video))[0]?.rawValue;
  }
  await new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = decoder;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    const scale = Math.min(1, 640 / video.videoWidth);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    pen.drawImage(video, 0, 0, canvas.width, canvas.height);
    const picture = pen.getImageData(0, 0, canvas.width, canvas.height);
    return window.jsQR(picture.data, canvas.width, canvas.height)?.data;
  };
}
