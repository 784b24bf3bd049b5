import pg, { type ClientConfig } from "pg";

/** Where triggers of the tables tell of changes; the payload is a collection. */
export const CHANGES_CHANNEL = "pharos_documents";

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
/** How often the connection is tried: one that broke without a word would leave changes unheard. */
const HEARTBEAT_MS = 5_000;

export interface ListenerEvents {
  /** A transaction of the session `processId` wrote to the collection. */
  onChange(collection: string, processId: number): void;
  /** The connection is back after changes may have gone unheard. */
  onGap(): void;
}

/** One connection that hears of changes by other servers, and connects again whenever it is lost. */
export class ChangeListener implements AsyncDisposable {
  readonly #config: ClientConfig;
  readonly #events: ListenerEvents;
  readonly #closing = new AbortController();
  #client: pg.Client | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(config: ClientConfig, events: ListenerEvents) {
    this.#config = config;
    this.#events = events;
  }

  /** Listens when it resolves. Throws what connecting throws. */
  static async open(config: ClientConfig, events: ListenerEvents): Promise<ChangeListener> {
    const listener = new ChangeListener(config, events);
    const lost = await listener.#listen();
    listener.#running = listener.#keepListening(lost);
    return listener;
  }

  /** Connects; gives a promise that resolves when the connection is gone. */
  async #listen(): Promise<{ readonly lost: Promise<void> }> {
    const client = new pg.Client(this.#config);
    const lost = new Promise<void>((resolve) => {
      client.on("error", () => resolve());
      client.on("end", () => resolve());
    });
    client.on("notification", ({ payload, processId }) =>
      this.#events.onChange(payload ?? "", processId),
    );
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANGES_CHANNEL}`);
    } catch (error) {
      await close(client);
      throw error;
    }
    this.#client = client;
    return { lost };
  }

  async #keepListening(first: { readonly lost: Promise<void> }): Promise<void> {
    let { lost } = first;
    for (;;) {
      await this.#watchOver(lost);
      if (this.#client !== undefined) await close(this.#client);
      for (let delayMs = RETRY_MS_MIN; ; delayMs = Math.min(2 * delayMs, RETRY_MS_MAX)) {
        if (this.#closing.signal.aborted) return;
        try {
          ({ lost } = await this.#listen());
          break;
        } catch {
          // Transactions fail for the same reason, and say so to whoever can do something about it.
          await this.#pause(delayMs);
        }
      }
      this.#events.onGap();
    }
  }

  /** Resolves when the connection is gone, or does not answer. */
  async #watchOver(lost: Promise<void>): Promise<void> {
    let isLost = false;
    void lost.then(() => {
      isLost = true;
    });
    while (!this.#closing.signal.aborted) {
      await Promise.race([lost, this.#pause(HEARTBEAT_MS)]);
      if (isLost || this.#closing.signal.aborted) return;
      try {
        await this.#client?.query("SELECT 1");
      } catch {
        return;
      }
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }
}

/** Says good-bye, where anybody is there to hear it. */
async function close(client: pg.Client): Promise<void> {
  await client.end().catch(() => {});
}
