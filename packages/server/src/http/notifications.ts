import type { Clock } from "@pharos/base";
import { type Answer, formatTime, success } from "./answer.ts";

/** So many pages may listen; as in Prometheus, more are sent away. */
export const LISTENERS_MAX = 16;
/** Different texts that are kept; the oldest goes. */
const TEXTS_MAX = 100;

/** What people should know of the server, as Prometheus's clients read it. */
export interface ShownNotification {
  readonly text: string;
  /** RFC 3339: since when. */
  readonly date: string;
  /** False where it has just ended. */
  readonly active: boolean;
}

type Listener = (notification: ShownNotification) => void;

/** What the server wants people to know now, such as a configuration that was not loaded. */
export class Notifications {
  readonly #clock: Clock;
  readonly #sinceMs = new Map<string, number>();
  readonly #listeners = new Set<Listener>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Shown until it is ended; again, it changes nothing. */
  begin(text: string): void {
    if (this.#sinceMs.has(text)) return;
    for (const [oldest] of this.#sinceMs)
      if (this.#sinceMs.size >= TEXTS_MAX) this.#sinceMs.delete(oldest);
    this.#sinceMs.set(text, this.#clock.nowMs());
    this.#tell(text, true);
  }

  end(text: string): void {
    if (!this.#sinceMs.has(text)) return;
    this.#tell(text, false);
    this.#sinceMs.delete(text);
  }

  #tell(text: string, active: boolean): void {
    const shown = { text, date: formatTime(this.#sinceMs.get(text)), active };
    for (const listener of this.#listeners) listener(shown);
  }

  list(): readonly ShownNotification[] {
    return [...this.#sinceMs].map(([text, sinceMs]) => ({
      text,
      date: formatTime(sinceMs),
      active: true,
    }));
  }

  /** Answers what ends it; undefined where too many listen already. */
  listen(listener: Listener): (() => void) | undefined {
    if (this.#listeners.size >= LISTENERS_MAX) return undefined;
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** `/api/v1/notifications`. */
export function notificationList(notifications: Notifications): Answer {
  return success(notifications.list());
}

/** `/api/v1/notifications/live`: those there are, then each that begins or ends, as events for a browser. */
export function liveNotifications(request: Request, notifications: Notifications): Response {
  const encoder = new TextEncoder();
  let send: Listener = () => {};
  const ended = notifications.listen((notification) => send(notification));
  if (ended === undefined) return new Response(null, { status: 204 });
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      send = (notification) =>
        controller.enqueue(encoder.encode(`data: ${JSON.stringify(notification)}\n\n`));
      // So that a browser knows at once that it is connected.
      controller.enqueue(encoder.encode(": notifications\n\n"));
      for (const notification of notifications.list()) send(notification);
      request.signal.addEventListener("abort", ended, { once: true });
    },
    cancel: ended,
  });
  const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" };
  return new Response(body, { headers });
}
