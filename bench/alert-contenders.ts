// What alerts are sent to: ours, and Debian's Alertmanager, each with the same `alertmanager.yml`; and what evaluates
// rules for them: ours itself, and Debian's Prometheus beside Alertmanager.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Contender, findProgram, pharos, prometheus, versionOf } from "./contenders.ts";
import { type Program, ServerProcess, type StartOptions } from "./server-process.ts";

/** Takes alerts by Alertmanager's API. Its `config` is an `alertmanager.yml`. */
export interface AlertContender extends Program {
  readonly alertsPath: string;
  /** Starts it with rules as well; undefined where a program is missing. */
  startWithRules(options: RuleStart): Promise<AlertingServer | undefined>;
}

export interface RuleStart {
  readonly folder: string;
  /** Of notifications. */
  readonly config: string;
  readonly ruleFile: string;
  readonly core?: number;
}

/** What evaluates rules and tells of them. */
export interface AlertingServer extends AsyncDisposable {
  /** Takes samples by remote write. */
  readonly writeUrl: string;
  /** Of all processes. */
  cpuMs(): number;
}

const DISCOVERY_POLL_MS = 100;
const CONFIG_FILE = "alertmanager.yml";

const pharosAlerts: AlertContender = {
  ...pharos,
  alertsPath: "/api/v2/alerts",
  command: (launch) => pharosCommand(launch, "global: {}\n"),
  async startWithRules({ config, ruleFile, ...where }) {
    const program: Program = {
      ...pharos,
      command: (launch) => pharosCommand(launch, scrapeConfig(ruleFile)),
    };
    const server = await ServerProcess.start(program, startOptions(where, config));
    if (server === undefined) return undefined;
    return {
      writeUrl: server.url + pharos.writePath,
      cpuMs: () => server.cpuMs(),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};

const alertmanager: AlertContender = {
  name: "alertmanager",
  alertsPath: "/api/v2/alerts",
  readyPath: "/-/ready",
  version: () => versionOf("prometheus-alertmanager", "--version"),
  async command({ port, folder, config, flags }) {
    const program = findProgram("prometheus-alertmanager");
    const configFile = join(folder, CONFIG_FILE);
    await writeFile(configFile, config);
    return program === undefined
      ? undefined
      : [
          ...[program, `--config.file=${configFile}`, `--storage.path=${join(folder, "data")}`],
          // Alone: it waits for no peers.
          ...[`--web.listen-address=127.0.0.1:${port}`, "--cluster.listen-address="],
          ...["--log.level=error", ...flags],
        ];
  },
  async startWithRules({ config, ruleFile, ...where }) {
    await using started = new AsyncDisposableStack();
    const server = await ServerProcess.start(alertmanager, startOptions(where, config));
    if (server === undefined) return undefined;
    started.use(server);
    const { core } = where;
    const evaluator = await ServerProcess.start<Contender>(prometheus, {
      ...(core === undefined ? {} : { core }),
      config: `${scrapeConfig(ruleFile)}alerting:
  alertmanagers:
    - static_configs: [{ targets: ["127.0.0.1:${server.port}"] }]
`,
    });
    if (evaluator === undefined) return undefined;
    started.use(evaluator);
    // It finds whom to tell a few seconds after its start; alerts before that are lost for a minute.
    while (!(await evaluator.ask("/api/v1/alertmanagers")).includes(String(server.port)))
      await sleep(DISCOVERY_POLL_MS);
    const both = started.move();
    return {
      writeUrl: evaluator.url + prometheus.writePath,
      cpuMs: () => server.cpuMs() + evaluator.cpuMs(),
      [Symbol.asyncDispose]: () => both.disposeAsync(),
    };
  },
};

export const ALERT_CONTENDERS: readonly AlertContender[] = [pharosAlerts, alertmanager];

async function pharosCommand(
  launch: Parameters<Program["command"]>[0],
  config: string,
): Promise<readonly string[] | undefined> {
  const file = join(launch.folder, CONFIG_FILE);
  await writeFile(file, launch.config);
  return pharos.command({
    ...launch,
    config,
    flags: ["--alertmanager-config", file, ...launch.flags],
  });
}

function scrapeConfig(ruleFile: string): string {
  return `rule_files: [${JSON.stringify(ruleFile)}]\n`;
}

function startOptions(
  { folder, core }: Pick<RuleStart, "folder" | "core">,
  config: string,
): StartOptions {
  return { folder, config, ...(core === undefined ? {} : { core }) };
}
