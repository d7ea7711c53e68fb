// A mailing's websocket and the bar that it moves: what the mailing's page and the home page have in common.
const noLongerAllowed = 4403;

/** Tell `show` every frame of the mailing's websocket at `path`, connecting again whenever it is lost. Returns how to stop. */
export function watch(path, { show, connected, lost }) {
  let failures = 0;
  let stopped = false;
  let socket;
  function connect() {
    if (stopped) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}${path}`);
    socket.addEventListener("open", () => { failures = 0; connected(); });
    socket.addEventListener("message", (event) => { if (!stopped) show(JSON.parse(event.data)); });
    socket.addEventListener("close", (event) => {
      if (stopped) return;
      if (event.code === noLongerAllowed) return location.reload(); // signed out, blocked, or the mailing is gone
      lost();
      failures += 1;
      setTimeout(connect, Math.min(10000, 300 * 2 ** failures) * (0.75 + Math.random() / 2));
    });
  }
  connect();
  return () => { stopped = true; socket.close(); };
}

/** Give each state its share of the bar inside `root`. */
export function moveBar(root, counts) {
  for (const segment of root.querySelectorAll("[data-segment]")) segment.style.flexGrow = counts[segment.dataset.segment];
}
