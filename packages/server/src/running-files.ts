import { systemClock } from "@pharos/adapters/node";
import { errorText } from "@pharos/base";
import { nodeConfigEnvironment } from "./config-files.ts";
import type { Notifications } from "./http/notifications.ts";
import { type LoadedFiles, loadFiles } from "./load-files.ts";
import type { Logger } from "./log.ts";
import type { ListenAddress, ServeOptions } from "./options.ts";
import type { ReloadStatus } from "./part-metrics.ts";

/** As Prometheus says it to its page. */
const RELOAD_FAILED = "Configuration reload has failed.";

/** What the files say that the server runs with, from one reload to the next. */
export class RunningFiles {
  readonly #options: ServeOptions;
  readonly #log: Logger;
  readonly #notifications: Notifications;
  #address: ListenAddress;
  #current: LoadedFiles;
  #status: ReloadStatus = { ok: true, atMs: systemClock.nowMs() };
  #reloading: Promise<void> = Promise.resolve();

  /** @throws ConfigError with all that is wrong; OperatingError `not_found`, `disk.failed`. */
  constructor(options: ServeOptions, log: Logger, notifications: Notifications) {
    this.#options = options;
    this.#log = log;
    this.#notifications = notifications;
    this.#address = options.listen;
    this.#current = this.read();
  }

  get current(): LoadedFiles {
    return this.#current;
  }

  get status(): ReloadStatus {
    return this.#status;
  }

  /** The files as they are at this moment, which changes nothing. @throws as the constructor. */
  read(): LoadedFiles {
    return loadFiles(this.#options, this.#address, nodeConfigEnvironment());
  }

  /** The configuration that watches this machine names the port, which the system may have chosen. */
  listensAt(address: ListenAddress): void {
    this.#address = address;
    if (address.port !== this.#options.listen.port) this.#current = this.read();
  }

  /**
   * Reads all files again and goes on with what they say; reloads run one after another.
   *
   * @param apply makes the parts of the server do as the files say.
   * @throws as the constructor, and what `apply` throws: what the files said before goes on.
   */
  reload(apply: (files: LoadedFiles) => Promise<void>): Promise<void> {
    const turn = this.#reloading.then(async () => {
      try {
        const files = this.read();
        await apply(files);
        this.#current = files;
        this.#status = { ok: true, atMs: systemClock.nowMs() };
        this.#notifications.end(RELOAD_FAILED);
        this.#log.info("configuration reloaded");
        for (const remark of files.remarks) this.#log.warn(remark);
      } catch (error) {
        this.#status = { ...this.#status, ok: false };
        this.#notifications.begin(RELOAD_FAILED);
        this.#log.error({ error: errorText(error) }, "the configuration was not reloaded");
        throw error;
      }
    });
    this.#reloading = turn.catch(() => {}); // Whoever asked for it hears of it.
    return turn;
  }
}
