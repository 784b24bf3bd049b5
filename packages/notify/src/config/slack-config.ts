import type { Secret } from "@pharos/base";
import type { HttpIntegrationBase } from "./integration-base.ts";

/** Writes to Slack, by an incoming webhook or, with an app's token, by `chat.postMessage`. Texts are templates. */
export interface SlackConfig extends HttpIntegrationBase {
  readonly kind: "slack";
  /** Where messages are posted: the webhook, or with a token the app's address. */
  readonly apiUrl: Secret;
  /** The app's token; undefined for an incoming webhook. It is in `http.authorization` as well. */
  readonly appToken: Secret | undefined;
  readonly channel: string;
  readonly username: string;
  readonly color: string;
  readonly title: string;
  readonly titleLink: string;
  readonly pretext: string;
  readonly text: string;
  /** The text of the message itself, beside its attachment; "" for none. */
  readonly messageText: string;
  readonly fields: readonly SlackField[];
  readonly shortFields: boolean;
  readonly footer: string;
  readonly fallback: string;
  readonly callbackId: string;
  readonly iconEmoji: string;
  readonly iconUrl: string;
  readonly imageUrl: string;
  readonly thumbUrl: string;
  readonly linkNames: boolean;
  readonly mrkdwnIn: readonly string[];
  readonly actions: readonly SlackAction[];
  /** Whether a group's later notifications are new messages, change the first, or answer it in its thread. */
  readonly messageStrategy: "new" | "update" | "thread";
  /** Counts for the strategy `thread` only. */
  readonly thread: SlackThread;
}

/** What Slack, Mattermost and Rocket.Chat call a field. Both texts are templates. */
export interface SlackField {
  readonly title: string;
  readonly value: string;
  /** Whether it may stand beside another; undefined for the receiver's `shortFields`. */
  readonly short: boolean | undefined;
}

/** A button. Texts are templates. One with a `url` is a link, and has no name, value and confirmation. */
export interface SlackAction {
  readonly type: string;
  readonly text: string;
  readonly url: string;
  readonly style: string;
  readonly name: string;
  readonly value: string;
  readonly confirm: SlackConfirmation | undefined;
}

/** What is asked before a button's action is done. Texts are templates. */
export interface SlackConfirmation {
  readonly text: string;
  readonly title: string;
  readonly okText: string;
  readonly dismissText: string;
}

export interface SlackThread {
  /** The name of the emoji, without colons, that marks the thread's first message when all is over; "" for none. */
  readonly resolveEmoji: string;
  /** Whether the first message is a summary that is kept up to date, and all alerts are answers to it. */
  readonly useSummaryHeader: boolean;
  /** A template: the summary's color when all is over; "" for that of the other messages. */
  readonly resolveColor: string;
}
