import type { SlackConfig } from "../config/slack-config.ts";
import type { MessageTexts } from "./message-texts.ts";
import { truncateCharacters } from "./truncate.ts";

/** What Slack takes of a title and of a text, in characters; more is refused, or cut in the middle of a word. */
const TITLE_LENGTH_MAX = 1024;
const TEXT_LENGTH_MAX = 40_000;

/** A message as Slack's API takes it. */
export type SlackMessage = Readonly<Record<string, unknown>>;

/** The message that the configuration makes of a notification; where to it goes is added by who sends it. */
export function slackMessage(config: SlackConfig, texts: MessageTexts): SlackMessage {
  return {
    ...sender(config, texts),
    ...filled({ text: cut(texts.text(config.messageText)) }),
    attachments: [attachment(config, texts)],
  };
}

/** A message that is a title alone: the head of a thread. */
export function slackHeader(
  config: SlackConfig,
  texts: MessageTexts,
  title: string,
  color: string,
): SlackMessage {
  const short = truncateCharacters(title, TITLE_LENGTH_MAX);
  return {
    ...sender(config, texts),
    attachments: [
      {
        ...filled({ title: short, color }),
        text: "",
        fallback: short,
        callback_id: "",
        footer: "",
      },
    ],
  };
}

function sender(config: SlackConfig, texts: MessageTexts): Record<string, unknown> {
  return filled({
    username: texts.text(config.username),
    icon_emoji: texts.text(config.iconEmoji),
    icon_url: texts.text(config.iconUrl),
    link_names: config.linkNames,
  });
}

function attachment(config: SlackConfig, texts: MessageTexts): Record<string, unknown> {
  const text = (source: string): string => texts.text(source);
  return {
    ...filled({
      title: truncateCharacters(text(config.title), TITLE_LENGTH_MAX),
      title_link: text(config.titleLink),
      pretext: cut(text(config.pretext)),
    }),
    text: cut(text(config.text)),
    fallback: text(config.fallback),
    callback_id: text(config.callbackId),
    ...filled({
      fields: config.fields.map(({ title, value, short }) => ({
        title: text(title),
        value: text(value),
        short: short ?? config.shortFields,
      })),
      actions: config.actions.map((action) => ({
        type: text(action.type),
        text: text(action.text),
        ...filled({
          url: text(action.url),
          style: text(action.style),
          name: text(action.name),
          value: text(action.value),
        }),
        ...(action.confirm === undefined
          ? {}
          : {
              confirm: {
                text: text(action.confirm.text),
                ...filled({
                  title: text(action.confirm.title),
                  ok_text: text(action.confirm.okText),
                  dismiss_text: text(action.confirm.dismissText),
                }),
              },
            }),
      })),
      image_url: text(config.imageUrl),
      thumb_url: text(config.thumbUrl),
    }),
    footer: text(config.footer),
    ...filled({ color: text(config.color) }),
    mrkdwn_in: config.mrkdwnIn.length === 0 ? ["fallback", "pretext", "text"] : config.mrkdwnIn,
  };
}

function cut(text: string): string {
  return truncateCharacters(text, TEXT_LENGTH_MAX);
}

/** What has something in it. */
function filled(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) =>
        value !== "" && value !== false && !(Array.isArray(value) && value.length === 0),
    ),
  );
}
