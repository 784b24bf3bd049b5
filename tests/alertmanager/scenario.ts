/** Since the start of the scenario; all times in scenarios are multiples of `GRID_SECONDS`. */
export type Seconds = number;

/** What happens within the same quarter of a second counts as simultaneous: real programs take a moment. */
export const GRID_SECONDS = 0.25;

/** Where the webhooks of all configurations are; the programs get the real address in its place. */
export const HOOKS_ORIGIN = "http://hooks";

/** The versions of Alertmanager's `--web.external-url` and ours. */
export const EXTERNAL_URL = "http://alerts.example.org";

/** An alert as it is posted. */
export interface ScenarioAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly startsAt?: Seconds;
  readonly endsAt?: Seconds;
  readonly generatorURL?: string;
}

/** As in the body of `POST /api/v2/silences`. */
export interface ScenarioMatcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
}

/** What a webhook says to whoever calls: a status, after a while. */
export interface HookAnswer {
  readonly status: number;
  readonly lateSeconds: Seconds;
}

export type Step = { readonly at: Seconds } & (
  | { readonly kind: "post"; readonly alerts: readonly ScenarioAlert[] }
  | {
      readonly kind: "silence";
      /** Names it among the steps. */
      readonly name: string;
      readonly matchers: readonly ScenarioMatcher[];
      readonly startsAt: Seconds;
      readonly endsAt: Seconds;
    }
  | { readonly kind: "expire"; readonly name: string }
  | { readonly kind: "reload"; readonly config: string }
  | { readonly kind: "restart" }
  | { readonly kind: "hook"; readonly path: string; readonly answer: HookAnswer }
);

export interface Scenario {
  /** A true sentence. */
  readonly name: string;
  /** The text of an alertmanager.yml, for a start at a time. */
  readonly config: (startMs: number) => string;
  readonly steps: readonly Step[];
  /** When it is over; nothing is sent around then. */
  readonly until: Seconds;
  /** Starts when so many seconds of a minute are over. */
  readonly startSecond?: number;
  /** Bodies and their order are equal, times only within this. */
  readonly slack?: { readonly seconds: Seconds; readonly because: string };
}

/** The same for every start, or not. */
export function scenario(
  name: string,
  config: string | Scenario["config"],
  steps: readonly Step[],
  rest: Pick<Scenario, "until" | "startSecond" | "slack">,
): Scenario {
  return { name, config: typeof config === "string" ? () => config : config, steps, ...rest };
}

/** The name of the file that keeps what was recorded of it. */
export function slug({ name }: Pick<Scenario, "name">): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

/** An alert of this name, or with these labels. */
export function alert(
  labels: string | Readonly<Record<string, string>>,
  rest: Omit<ScenarioAlert, "labels"> = {},
): ScenarioAlert {
  return { labels: typeof labels === "string" ? { alertname: labels } : labels, ...rest };
}

export function post(at: Seconds, ...alerts: readonly ScenarioAlert[]): Step {
  return { at, kind: "post", alerts };
}

/** `matcher` is `name=value` with `=`, `!=`, `=~` or `!~`. */
export function silence(
  at: Seconds,
  name: string,
  [startsAt, endsAt]: readonly [Seconds, Seconds],
  ...matchers: readonly string[]
): Step {
  return { at, kind: "silence", name, matchers: matchers.map(readMatcher), startsAt, endsAt };
}

function readMatcher(text: string): ScenarioMatcher {
  const [, name = "", operator = "", value = ""] = /^(\w+)(=~|!~|!=|=)(.*)$/.exec(text) ?? [];
  if (name === "") throw new Error(`no matcher: ${text}`);
  return { name, value, isRegex: operator.includes("~"), isEqual: operator.startsWith("=") };
}

export function expire(at: Seconds, name: string): Step {
  return { at, kind: "expire", name };
}

export function reload(at: Seconds, config: string): Step {
  return { at, kind: "reload", config };
}

export function restart(at: Seconds): Step {
  return { at, kind: "restart" };
}

/** From now on the webhook at this path answers so. */
export function hook(at: Seconds, path: string, answer: Partial<HookAnswer>): Step {
  return { at, kind: "hook", path, answer: { status: 200, lateSeconds: 0, ...answer } };
}
