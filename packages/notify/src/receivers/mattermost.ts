import type {
  MattermostAttachment,
  MattermostConfig,
  MattermostPriority,
} from "../config/chat-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { answerFields, textOf } from "./answer-json.ts";
import { filled } from "./filled-fields.ts";
import { type HttpAnswer, HttpSender, judgeStatus, shownAnswer } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { truncateCharacters } from "./truncate.ts";

/** What Mattermost takes of a text, in characters. */
const TEXT_LENGTH_MAX = 16_383;

/** Writes to Mattermost by an incoming webhook. */
export class MattermostReceiver implements Receiver {
  readonly #config: MattermostConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: MattermostConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const config = this.#config;
    const texts = new MessageTexts(this.#environment, notification);
    const isOwn = config.attachments.length > 0;
    const card = texts.text(config.props?.card ?? "");
    const json = filled({
      text: isOwn ? cut(texts.text(config.text)) : "",
      channel: texts.text(config.channel),
      username: texts.text(config.username),
      icon_url: texts.text(config.iconUrl),
      icon_emoji: texts.text(config.iconEmoji),
      attachments: (isOwn ? config.attachments : [config]).map((each) => attachment(each, texts)),
      type: texts.text(config.type),
      props: card === "" ? undefined : { card },
      priority: priorityOf(config.priority, texts),
    });
    await this.#sender.send(
      { url: config.webhookUrl.reveal(), json, judge: judgeStatus([], errorMessage) },
      signal,
    );
    return {};
  }
}

function attachment(each: MattermostAttachment, texts: MessageTexts): Record<string, unknown> {
  const text = (source: string): string => texts.text(source);
  return filled({
    fallback: text(each.fallback),
    color: text(each.color),
    pretext: text(each.pretext),
    text: cut(text(each.text)),
    author_name: text(each.authorName),
    author_link: text(each.authorLink),
    author_icon: text(each.authorIcon),
    title: text(each.title),
    title_link: text(each.titleLink),
    fields: each.fields.map(({ title, value, short }) => ({
      title: text(title),
      value: text(value),
      ...(short === undefined ? {} : { short }),
    })),
    thumb_url: text(each.thumbUrl),
    footer: text(each.footer),
    footer_icon: text(each.footerIcon),
    image_url: text(each.imageUrl),
  });
}

/** Mattermost refuses a post that asks for more than its priority gives: that is left out. */
function priorityOf(
  priority: MattermostPriority | undefined,
  texts: MessageTexts,
): Record<string, unknown> | undefined {
  if (priority === undefined || priority.priority === "") return undefined;
  const asked = texts.text(priority.priority).toLowerCase();
  const known = asked === "urgent" || asked === "important" ? asked : "standard";
  return filled({
    priority: known,
    requested_ack: (priority.requestedAck && known !== "standard") || undefined,
    persistent_notifications: (priority.persistentNotifications && known === "urgent") || undefined,
  });
}

function cut(text: string): string {
  return truncateCharacters(text, TEXT_LENGTH_MAX);
}

function errorMessage(answer: HttpAnswer): string {
  return textOf(answerFields(answer)["message"]) || shownAnswer(answer);
}
