import type { Notification, NotificationReason } from "@pharos/alert";
import { labelValue } from "@pharos/base";
import type { Json } from "@pharos/ports";
import type { SlackConfig } from "../config/slack-config.ts";
import {
  DeliveryError,
  type OutgoingNotification,
  type Receipt,
  type Receiver,
} from "../receiver.ts";
import {
  type HttpAnswer,
  HttpSender,
  judgeStatus,
  type Refusal,
  shownAnswer,
} from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { type SlackMessage, slackHeader, slackMessage } from "./slack-message.ts";

/** Slack answers 200 to these too. Everything else that it does not like stays as it is until somebody changes it. */
const TRANSIENT_ERRORS: ReadonlySet<string> = new Set([
  ...["fatal_error", "internal_error", "ratelimited", "rate_limited", "request_timeout"],
  ...["rollup_error", "service_unavailable", "team_added_to_org"],
]);
/** The message that is to be changed or answered is not there any more, or too old. */
const LOST_MESSAGE_ERRORS: ReadonlySet<string> = new Set([
  ...["cant_update_message", "edit_window_closed", "message_not_found", "thread_not_found"],
]);
/** How many notifications are remembered that were told in part. */
const UNFINISHED_MAX = 1000;
/** How many changes of a thread its header counts up; the oldest go first. */
const TRANSITIONS_MAX = 50;

/** The first message of a group: where later ones belong. */
interface Thread {
  readonly channel: string;
  readonly ts: string;
  /** What happened so far, in the words of the header. */
  readonly transitions: readonly string[];
}

/**
 * Writes to a channel by an incoming webhook, or as an app by `chat.postMessage`. As an app, a group's later
 * notifications can change its first message, or answer it in its thread. When all is resolved the next one is a new
 * message, so that people hear of it.
 */
export class SlackReceiver implements Receiver {
  readonly #config: SlackConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;
  /** Threads begun by an attempt that failed later on, by idempotency key: the next attempt goes on with them. */
  readonly #unfinished = new Map<string, Thread>();

  constructor(config: SlackConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send(outgoing: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { notification, idempotencyKey, state } = outgoing;
    const texts = new MessageTexts(this.#environment, notification);
    const { messageStrategy, appToken } = this.#config;
    if (messageStrategy === "new" || appToken === undefined) {
      await this.#post(slackMessage(this.#config, texts), texts, signal);
      return {};
    }
    const known = this.#unfinished.get(idempotencyKey) ?? threadOf(state);
    const thread =
      messageStrategy === "update"
        ? await this.#update(known, texts, signal)
        : await this.#answer(known, outgoing, texts, signal);
    this.#unfinished.delete(idempotencyKey);
    const over = texts.status === "resolved";
    if (over && messageStrategy === "thread") await this.#markResolved(thread, signal);
    return { state: over || thread === undefined ? null : stateOf(thread) };
  }

  async #update(
    thread: Thread | undefined,
    texts: MessageTexts,
    signal: AbortSignal,
  ): Promise<Thread | undefined> {
    const message = slackMessage(this.#config, texts);
    if (thread !== undefined) {
      const { channel, ts } = thread;
      const answer = await this.#call("chat.update", { ...message, channel, ts }, signal);
      if (answer !== "lost") return thread;
    }
    return this.#post(message, texts, signal);
  }

  async #answer(
    known: Thread | undefined,
    { notification, idempotencyKey }: OutgoingNotification,
    texts: MessageTexts,
    signal: AbortSignal,
  ): Promise<Thread | undefined> {
    const message = slackMessage(this.#config, texts);
    if (!this.#config.thread.useSummaryHeader) {
      if (known !== undefined && (await this.#reply(known, message, signal)) !== "lost")
        return known;
      return this.#post(message, texts, signal);
    }
    const transitions = [...(known?.transitions ?? []), ...transitionOf(notification.reason)].slice(
      -TRANSITIONS_MAX,
    );
    const header = this.#header(transitions, notification, texts);
    const isNew = known === undefined;
    let thread = known ?? (await this.#post(header, texts, signal));
    if (thread === undefined) return undefined;
    if (isNew) this.#remember(idempotencyKey, thread);
    if ((await this.#reply(thread, message, signal)) === "lost") {
      thread = await this.#post(header, texts, signal);
      if (thread === undefined) return undefined;
      await this.#reply(thread, message, signal);
    } else if (!isNew) {
      const { channel, ts } = thread;
      await this.#tryCall("chat.update", { ...header, channel, ts }, signal);
    }
    return { ...thread, transitions };
  }

  #reply(
    thread: Thread,
    message: SlackMessage,
    signal: AbortSignal,
  ): Promise<Thread | "lost" | undefined> {
    const { channel, ts } = thread;
    return this.#call("chat.postMessage", { ...message, channel, thread_ts: ts }, signal);
  }

  #header(
    transitions: readonly string[],
    { alerts }: Notification,
    texts: MessageTexts,
  ): SlackMessage {
    const { color, thread } = this.#config;
    const names = new Set(alerts.map(({ labels }) => labelValue(labels, "alertname")));
    const [name = ""] = names.size === 1 ? names : [];
    const over = texts.status === "resolved" && thread.resolveColor !== "";
    return slackHeader(
      this.#config,
      texts,
      headerTitle(transitions, name),
      texts.text(over ? thread.resolveColor : color),
    );
  }

  /** A mark beside the first message; the alerts are told without it as well. */
  async #markResolved(thread: Thread | undefined, signal: AbortSignal): Promise<void> {
    const { resolveEmoji } = this.#config.thread;
    if (thread === undefined || resolveEmoji === "") return;
    const { channel, ts } = thread;
    await this.#tryCall("reactions.add", { channel, timestamp: ts, name: resolveEmoji }, signal);
  }

  /** A new message. Gives where it stands if Slack says so, as it does to apps. */
  async #post(
    message: SlackMessage,
    texts: MessageTexts,
    signal: AbortSignal,
  ): Promise<Thread | undefined> {
    const channel = texts.text(this.#config.channel);
    const json = channel === "" ? message : { channel, ...message };
    const answer = await this.#call(undefined, json, signal, channel);
    return answer === "lost" ? undefined : answer;
  }

  /** Another method of the API than the configured one has the same address but for its last part. */
  async #call(
    method: string | undefined,
    json: SlackMessage,
    signal: AbortSignal,
    channel = String(json["channel"] ?? ""),
  ): Promise<Thread | "lost" | undefined> {
    const configured = this.#config.apiUrl.reveal();
    const url =
      method === undefined || !URL.canParse(configured)
        ? configured
        : new URL(method, configured).href;
    const mayBeLost = method === "chat.update" || json["thread_ts"] !== undefined;
    const answer = await this.#sender.send(
      { url, json, judge: (seen) => judge(seen, channel, mayBeLost) },
      signal,
    );
    const { ok, ts, channel: id } = readAnswer(answer);
    if (ok === false) return "lost";
    return ts === "" || id === "" ? undefined : { channel: id, ts, transitions: [] };
  }

  /** For what is nice to have: that it did not work is not worth telling everything again. */
  async #tryCall(method: string, json: SlackMessage, signal: AbortSignal): Promise<void> {
    try {
      await this.#call(method, json, signal);
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
    }
  }

  #remember(idempotencyKey: string, thread: Thread): void {
    if (this.#unfinished.size >= UNFINISHED_MAX) {
      const [oldest] = this.#unfinished.keys();
      if (oldest !== undefined) this.#unfinished.delete(oldest);
    }
    this.#unfinished.set(idempotencyKey, thread);
  }
}

/** Slack's own answers: `ok` as text to webhooks, JSON to apps, both with status 200 whether they took it or not. */
function judge(answer: HttpAnswer, channel: string, mayBeLost: boolean): Refusal | undefined {
  const where = channel === "" ? "" : `channel ${JSON.stringify(channel)}: `;
  const refusal = judgeStatus()(answer);
  if (refusal !== undefined) return { ...refusal, reason: where + refusal.reason };
  const { ok, error } = readAnswer(answer);
  if (ok === true || (ok === false && mayBeLost && LOST_MESSAGE_ERRORS.has(error)))
    return undefined;
  const transient = ok === undefined ? isJson(answer) : TRANSIENT_ERRORS.has(error);
  return {
    transient,
    reason: `${where}Slack answered ${error || shownAnswer(answer) || "nothing"}`,
  };
}

interface SlackAnswer {
  /** Undefined where the answer is none of Slack's. */
  readonly ok: boolean | undefined;
  readonly error: string;
  readonly ts: string;
  readonly channel: string;
}

function isJson({ headers }: HttpAnswer): boolean {
  return (headers["content-type"] ?? "").startsWith("application/json");
}

function readAnswer(answer: HttpAnswer): SlackAnswer {
  const none = { error: "", ts: "", channel: "" };
  if (!isJson(answer)) {
    const text = answer.text.trim();
    return text === "ok"
      ? { ...none, ok: true }
      : { ...none, ok: false, error: shownAnswer(answer) };
  }
  let body: unknown;
  try {
    body = JSON.parse(answer.text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { ...none, ok: undefined };
  }
  const field = (name: string): string => {
    const value: unknown = new Map(Object.entries(body as object)).get(name);
    return typeof value === "string" ? value : "";
  };
  if (typeof body !== "object" || body === null || !("ok" in body))
    return { ...none, ok: undefined };
  return {
    ok: body.ok === true,
    error: field("error"),
    ts: field("ts"),
    channel: field("channel"),
  };
}

function threadOf(state: Json | undefined): Thread | undefined {
  if (typeof state !== "object" || state === null || Array.isArray(state)) return undefined;
  const { channel, ts, transitions } = state as { readonly [name: string]: Json };
  if (typeof channel !== "string" || typeof ts !== "string") return undefined;
  const past = Array.isArray(transitions) ? transitions : [];
  return { channel, ts, transitions: past.filter((each) => typeof each === "string") };
}

function stateOf({ channel, ts, transitions }: Thread): Json {
  return { channel, ts, transitions: [...transitions] };
}

function transitionOf(reason: NotificationReason): string[] {
  switch (reason) {
    case "first notification":
    case "new alerts added":
      return ["FIRING"];
    case "some alerts resolved":
      return ["PARTIAL RESOLVE"];
    case "all alerts resolved":
      return ["RESOLVED"];
    case "repeat interval elapsed":
    case "heartbeat":
      return [];
  }
}

/** `FIRING (2) → PARTIAL RESOLVE → RESOLVED: HighCpu` */
function headerTitle(transitions: readonly string[], alertName: string): string {
  const runs: { readonly label: string; count: number }[] = [];
  for (const label of transitions) {
    const last = runs.at(-1);
    if (last?.label === label) last.count++;
    else runs.push({ label, count: 1 });
  }
  const history = runs.map(({ label, count }) => (count > 1 ? `${label} (${count})` : label));
  return [history.join(" → "), alertName].filter((part) => part !== "").join(": ");
}
