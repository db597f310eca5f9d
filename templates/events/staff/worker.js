// Lets the scanner of a door open again without a network. It keeps the page of the scanner,
// which names nobody, and the files that page needs; everything else goes its way.
const SHELF = "door-1";
const FILES = [{% for file in files %}"{{ file|escapejs }}"{% if not forloop.last %}, {% endif %}{% endfor %}];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELF).then((shelf) => shelf.addAll(FILES)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  const isScanner = pathname.endsWith("/door/scan/");
  if (event.request.method !== "GET" || !(isScanner || FILES.includes(pathname))) return;
  event.respondWith(
    fetch(event.request)
      .then(async (answer) => {
        if (answer.ok && !answer.redirected) (await caches.open(SHELF)).put(event.request, answer.clone());
        return answer;
      })
      .catch(() => caches.match(event.request, { ignoreVary: true }).then((kept) => kept || Response.error())),
  );
});
