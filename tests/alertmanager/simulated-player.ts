import { NotificationTemplates } from "@pharos/alert";
import { assert, OperatingError, seededRng } from "@pharos/base";
import { createReceiver, Dispatcher, type NotificationConfig, SilenceBook } from "@pharos/notify";
import { type SimHost, SimNetwork } from "@pharos/testing";
import { loadNotificationConfig } from "../../packages/server/src/config/alertmanager/load-notification-config.ts";
import { HttpWorld } from "../../packages/server/test/http-world.ts";
import type { Player } from "./play.ts";
import { EXTERNAL_URL, HOOKS_ORIGIN, type HookAnswer } from "./scenario.ts";
import type { Accepted } from "./told.ts";

/** What a restart makes anew. */
interface Running {
  readonly dispatcher: Dispatcher;
  readonly silences: SilenceBook;
}

/** A scenario on our API, dispatcher, silences and webhook receivers, with simulated time and network. */
export class SimulatedPlayer implements Player, AsyncDisposable {
  readonly startMs: number;
  readonly accepted: Accepted[] = [];
  readonly #http = new HttpWorld();
  readonly #network = new SimNetwork(this.#http.clock);
  readonly #hooks = new Map<string, HookAnswer>();
  #config: NotificationConfig;
  #running: Running | undefined;
  #silenceCount = 0;

  private constructor(config: string, startMs: number) {
    this.startMs = startMs;
    this.#config = loaded(config);
    this.#http.clock.jumpWall(startMs - this.#http.clock.nowMs());
    this.#network.host(HOOKS_ORIGIN, this.#answer);
    const running = (): Running => {
      assert(this.#running !== undefined, "it runs");
      return this.#running;
    };
    this.#http.alertmanager = {
      get dispatcher() {
        return running().dispatcher;
      },
      get silences() {
        return running().silences;
      },
      counts: { posted: () => {} },
      configText: () => config,
      cluster: () => undefined,
    };
  }

  static async start(config: string, startMs: number): Promise<SimulatedPlayer> {
    const player = new SimulatedPlayer(config, startMs);
    await player.#open();
    return player;
  }

  readonly #answer: SimHost = ({ url, body }) => {
    const hook = new URL(url).pathname;
    const { status = 200, lateSeconds = 0 } = this.#hooks.get(hook) ?? {};
    const atMs = this.#http.clock.nowMs();
    if (status === 200) this.accepted.push({ hook, atMs, body: String(body ?? "") });
    return { kind: "answer", status, latencyMs: lateSeconds * 1000 };
  };

  async #open(): Promise<void> {
    const { clock, documents: store } = this.#http;
    const environment = {
      ...{ http: this.#network, clock, externalUrl: EXTERNAL_URL, userAgent: "Pharos/0.0.0" },
      mail: {
        async send(): Promise<never> {
          throw new OperatingError("http.failed", "there is no mail here");
        },
      },
      templates: NotificationTemplates.parse(),
    };
    // Webhooks that fail are part of some scenarios.
    const onProblem = (): void => {};
    const newId = (): string =>
      `00000000-0000-4000-8000-${String(++this.#silenceCount).padStart(12, "0")}`;
    const silences = await SilenceBook.open({ store, clock, newId, onProblem });
    const dispatcher = await Dispatcher.open({
      ...{ config: this.#config, store, clock, rng: seededRng(1), onProblem },
      silencedBy: (labels, nowMs) => silences.silencedBy(labels, nowMs),
      createReceiver: (config) => createReceiver(config, environment),
    });
    this.#running = { dispatcher, silences };
  }

  async #close(): Promise<void> {
    await this.#running?.dispatcher[Symbol.asyncDispose]();
    await this.#running?.silences[Symbol.asyncDispose]();
    this.#running = undefined;
  }

  async reach(ms: number): Promise<void> {
    const { clock } = this.#http;
    await clock.advance(this.startMs + ms - clock.nowMs());
  }

  async request(method: "POST" | "DELETE", path: string, body?: unknown): Promise<unknown> {
    const response = await this.#http.app.request(`/api/v2${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${method} ${path}: ${response.status} ${text} ${this.#http.bugs.join(" ")}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  async reload(config: string): Promise<void> {
    this.#config = loaded(config);
    await this.#running?.dispatcher.apply(this.#config);
  }

  async restart(): Promise<void> {
    await this.#close();
    await this.#open();
  }

  setHook(path: string, answer: HookAnswer): void {
    this.#hooks.set(path, answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

function loaded(text: string): NotificationConfig {
  const { config, unsupported } = loadNotificationConfig(text, "/etc/alertmanager.yml", {
    readFile: (path) => {
      throw new Error(`no ${path}`);
    },
    glob: () => [],
  });
  if (unsupported.length > 0) throw new Error(JSON.stringify(unsupported));
  return config;
}
