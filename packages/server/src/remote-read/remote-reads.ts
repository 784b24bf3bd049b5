import type { RemoteReadSettings } from "@pharos/adapters/prometheus";
import { type Labels, NO_LABELS, OperatingError } from "@pharos/base";
import { requestHeaders } from "@pharos/collect";
import type { RemoteReadConfig } from "../config/config.ts";

/** How often it is looked at where the own samples begin: retention takes them away, imports add some. */
const LOOK_MS = 60_000;

/** The other systems that queries read from, as the configuration has them. */
export class RemoteReads implements Disposable {
  readonly #oldestMs: () => Promise<number | undefined>;
  #configs: readonly RemoteReadConfig[] = [];
  #settings: readonly RemoteReadSettings[] = [];
  #externalLabels: Labels = NO_LABELS;
  #looking: NodeJS.Timeout | undefined;

  /** @param oldestMs the time of the own store's first sample; undefined where there is none. */
  constructor(oldestMs: () => Promise<number | undefined>) {
    this.#oldestMs = oldestMs;
  }

  /** What queries that begin now are to ask: plain data, for another thread. */
  get settings(): readonly RemoteReadSettings[] {
    return this.#settings;
  }

  /** @throws OperatingError of the store. */
  async apply(configs: readonly RemoteReadConfig[], externalLabels: Labels): Promise<void> {
    clearInterval(this.#looking);
    this.#configs = configs;
    this.#externalLabels = externalLabels;
    await this.#look();
    if (configs.some(({ readRecent }) => !readRecent))
      this.#looking = setInterval(() => void this.#lookAgain(), LOOK_MS).unref();
  }

  async #lookAgain(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error; // What was seen before stands.
    }
  }

  async #look(): Promise<void> {
    const wantsOldest = this.#configs.some(({ readRecent }) => !readRecent);
    const oldestMs = wantsOldest ? await this.#oldestMs() : undefined;
    this.#settings = this.#configs.map((config) => {
      const { name, url, timeoutMs, tls, requiredMatchers } = config;
      return {
        ...{ name, url, timeoutMs, tls, requiredMatchers, headers: requestHeaders(config) },
        externalLabels: config.filterExternalLabels ? this.#externalLabels : NO_LABELS,
        untilMs: config.readRecent ? undefined : oldestMs,
      };
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#looking);
  }
}
