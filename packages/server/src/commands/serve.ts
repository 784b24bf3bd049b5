import { flushCompileCache } from "node:module";
import type { Worker } from "node:worker_threads";
import { errorText, OperatingError } from "@pharos/base";
import { BUILD_INFO } from "../build-info.ts";
import { createLogger } from "../log.ts";
import type { ServeOptions } from "../options.ts";
import { Pharos, type PharosEvents } from "../pharos.ts";
import { counted } from "./check.ts";

/**
 * `pharos serve`: runs until SIGTERM, SIGINT or a request to quit; SIGHUP reloads the configuration.
 *
 * @param storeWorker the store's thread, which does nothing yet.
 * @param remarks what to warn of first.
 */
export async function serve(
  options: ServeOptions,
  storeWorker: Worker,
  remarks: readonly string[] = [],
): Promise<void> {
  const log = createLogger(options.logLevel, options.logFormat);
  for (const remark of remarks) log.warn(remark);
  const started = performance.now();
  const quit = Promise.withResolvers<string>();
  process.once("SIGTERM", () => quit.resolve("SIGTERM"));
  process.once("SIGINT", () => quit.resolve("SIGINT"));
  // From the start on, since a hangup would end a process that does not listen for it. What is started has just read
  // its files: there is nothing to reload yet.
  let running: Pharos | undefined;
  process.on("SIGHUP", () => {
    running?.reload().catch((error: unknown) => {
      if (!(error instanceof OperatingError)) throw error; // The log has told of the others.
    });
  });
  const events: PharosEvents = {
    onQuit: () => quit.resolve("a request"),
    onDeath: (error) => {
      const text = error instanceof Error ? error.stack : String(error);
      log.fatal({ error: text }, "the store's thread has ended: nothing can be stored any more");
      process.exit(1);
    },
  };
  const pharos = await Pharos.start(options, log, events, storeWorker);
  running = pharos;

  const { config, groups } = pharos.files;
  const rules = groups.reduce((count, group) => count + group.rules.length, 0);
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  const watched =
    options.configFile ?? "itself and this machine; --config FILE makes it watch yours";
  process.stdout.write(
    `Pharos ${BUILD_INFO.version} is ready after ${seconds} s\n` +
      `  page   ${pharos.url}\n` +
      `  data   ${options.dataFolder}\n` +
      `  watch  ${watched} (${counted(config.scrapeJobs.length, "job")}, ${counted(rules, "rule")})\n`,
  );

  // Now, since a process that is killed keeps nothing for the next start.
  flushCompileCache();
  log.info(`stopping on ${await quit.promise}`);
  // A second signal does not wait for the graceful end.
  process.once("SIGTERM", () => process.exit(1));
  process.once("SIGINT", () => process.exit(1));
  try {
    await pharos[Symbol.asyncDispose]();
  } catch (error) {
    log.error({ error: errorText(error) }, "stopping");
    process.exitCode = 1;
  }
  log.info("stopped");
  // What a library may keep open must not keep the process.
  process.exit();
}
