import { type Notification, type NotificationData, notificationData } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type { Json } from "@pharos/ports";
import { DeliveryError } from "../receiver.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";

/** How deep a value of a configuration may be nested. */
const DEPTH_MAX = 50;

/** Expands the texts of one message over one notification. */
export class MessageTexts {
  readonly status: "firing" | "resolved";
  readonly #environment: ReceiverEnvironment;
  readonly #data: NotificationData;

  constructor(environment: ReceiverEnvironment, notification: Notification) {
    const { clock, externalUrl, timeZone } = environment;
    this.#environment = environment;
    this.#data = notificationData(notification, {
      externalUrl,
      nowMs: clock.nowMs(),
      ...(timeZone === undefined ? {} : { timeZone }),
    });
    this.status = this.#data.status;
  }

  /** @throws DeliveryError `notify.rejected` where the template cannot be expanded: no attempt will go better. */
  text(source: string): string {
    return guarded(() => this.#environment.templates.expand(source, this.#data));
  }

  /** With values escaped. @throws as `text`. */
  html(source: string): string {
    return guarded(() => this.#environment.templates.expandHtml(source, this.#data));
  }

  /**
   * A value whose texts, keys too, are templates. A text that comes out as JSON of an object, list, number, truth value
   * or null becomes that: `'{{ toJson .CommonLabels }}'` is an object.
   *
   * @throws as `text`.
   */
  json(value: Json, depth = 0): Json {
    if (depth > DEPTH_MAX)
      throw new DeliveryError("notify.rejected", `nested deeper than ${DEPTH_MAX} levels`);
    if (typeof value === "string") return typed(this.text(value));
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((item: Json) => this.json(item, depth + 1));
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.text(key), this.json(item, depth + 1)]),
    );
  }
}

function guarded(expand: () => string): string {
  try {
    return expand();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    throw new DeliveryError("notify.rejected", `template: ${error.message}`, { cause: error });
  }
}

/** A number that JavaScript cannot hold stays a text. */
function typed(text: string): Json {
  if (!/^\s*(?:[[{]|-?\d|true|false|null)/.test(text)) return text;
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return text;
  }
  const exact = typeof value !== "number" || Number.isSafeInteger(value) || !/^-?\d+$/.test(text);
  return exact ? value : text;
}
