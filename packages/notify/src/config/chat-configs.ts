import type { Secret } from "@pharos/base";
import type { HttpIntegrationBase } from "./integration-base.ts";
import type { SlackField } from "./slack-config.ts";

/** Writes to Discord by a channel's webhook. Texts are templates. */
export interface DiscordConfig extends HttpIntegrationBase {
  readonly kind: "discord";
  readonly webhookUrl: Secret;
  /** The text above the embed. */
  readonly content: string;
  readonly title: string;
  readonly message: string;
  readonly username: string;
  readonly avatarUrl: string;
}

/** Writes to Mattermost by an incoming webhook. Texts are templates. */
export interface MattermostConfig extends HttpIntegrationBase, MattermostAttachment {
  readonly kind: "mattermost";
  readonly webhookUrl: Secret;
  readonly channel: string;
  readonly username: string;
  readonly iconUrl: string;
  readonly iconEmoji: string;
  /** Written in place of the attachment that the texts above make; empty for that one. */
  readonly attachments: readonly MattermostAttachment[];
  /** The post's type; "" for a usual one. */
  readonly type: string;
  readonly props: { readonly card: string } | undefined;
  readonly priority: MattermostPriority | undefined;
}

/** Texts are templates. */
export interface MattermostAttachment {
  readonly fallback: string;
  readonly color: string;
  readonly pretext: string;
  readonly text: string;
  readonly authorName: string;
  readonly authorLink: string;
  readonly authorIcon: string;
  readonly title: string;
  readonly titleLink: string;
  readonly fields: readonly SlackField[];
  readonly thumbUrl: string;
  readonly footer: string;
  readonly footerIcon: string;
  readonly imageUrl: string;
}

export interface MattermostPriority {
  /** A template: `urgent`, `important`, `standard`. */
  readonly priority: string;
  readonly requestedAck: boolean;
  readonly persistentNotifications: boolean;
}

/** Writes to Microsoft Teams by a connector's webhook, which Microsoft is taking out of service. Texts are templates. */
export interface MsTeamsConfig extends HttpIntegrationBase {
  readonly kind: "msteams";
  readonly webhookUrl: Secret;
  readonly title: string;
  readonly summary: string;
  readonly text: string;
}

/** Writes to Microsoft Teams by a workflow's webhook. Texts are templates. */
export interface MsTeamsV2Config extends HttpIntegrationBase {
  readonly kind: "msteamsv2";
  readonly webhookUrl: Secret;
  readonly title: string;
  readonly text: string;
}

/** Writes to Rocket.Chat by its REST API. Texts are templates. */
export interface RocketChatConfig extends HttpIntegrationBase {
  readonly kind: "rocketchat";
  readonly apiUrl: string;
  readonly tokenId: Secret;
  readonly token: Secret;
  readonly channel: string;
  readonly color: string;
  readonly title: string;
  readonly titleLink: string;
  readonly text: string;
  readonly fields: readonly SlackField[];
  readonly shortFields: boolean;
  readonly emoji: string;
  readonly iconUrl: string;
  readonly imageUrl: string;
  readonly thumbUrl: string;
  readonly linkNames: boolean;
  readonly actions: readonly RocketChatAction[];
}

/** A button. Texts are templates. */
export interface RocketChatAction {
  readonly type: string;
  readonly text: string;
  readonly url: string;
  readonly imageUrl: string;
  readonly isWebview: boolean;
  readonly webviewHeightRatio: string;
  readonly msg: string;
  readonly msgInChatWindow: boolean;
  readonly msgProcessingType: string;
}

/** Writes to Telegram as a bot. */
export interface TelegramConfig extends HttpIntegrationBase {
  readonly kind: "telegram";
  /** Without the bot's part of the path. */
  readonly apiUrl: string;
  readonly botToken: Secret;
  /** A whole number, or `@channel`. */
  readonly chatId: string;
  /** 0 for none. */
  readonly messageThreadId: number;
  /** A template. */
  readonly message: string;
  readonly disableNotifications: boolean;
  readonly parseMode: "" | "Markdown" | "MarkdownV2" | "HTML";
}

/** Writes to Webex as a bot, whose token is in `http.authorization`. */
export interface WebexConfig extends HttpIntegrationBase {
  readonly kind: "webex";
  readonly apiUrl: string;
  /** A template. */
  readonly roomId: string;
  /** A template. */
  readonly message: string;
}

/** Writes to WeChat Work as an app. Texts are templates. */
export interface WeChatConfig extends HttpIntegrationBase {
  readonly kind: "wechat";
  /** Ends with a slash. */
  readonly apiUrl: string;
  readonly apiSecret: Secret;
  readonly corpId: string;
  readonly agentId: string;
  readonly message: string;
  readonly messageType: "text" | "markdown";
  readonly toUser: string;
  readonly toParty: string;
  readonly toTag: string;
}
