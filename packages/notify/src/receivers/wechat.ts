import type { WeChatConfig } from "../config/chat-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { answerFields, textOf } from "./answer-json.ts";
import { filled } from "./filled-fields.ts";
import {
  type HttpAnswer,
  HttpSender,
  judgeStatus,
  type Refusal,
  shownAnswer,
} from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { truncateBytes } from "./truncate.ts";

/** What WeChat takes of a message, in bytes. */
const MESSAGE_SIZE_MAX = { text: 2048, markdown: 4096 } as const;
/** A token is not used in its last minute: it must still hold when it arrives. */
const EXPIRES_EARLY_MS = 60_000;
/** How long a token holds of which WeChat does not say it. */
const TOKEN_AGE_MS_DEFAULT = 2 * 60 * 60_000;
/** The token is wrong or over: another one may do. */
const TOKEN_CODES: ReadonlySet<number> = new Set([40001, 40014, 41001, 42001]);
/** WeChat is busy, or was asked too often. */
const TRANSIENT_CODES: ReadonlySet<number> = new Set([-1, 45009, 45011, 45033]);

/** Writes to people of a company as an app of WeChat Work. */
export class WeChatReceiver implements Receiver {
  readonly #config: WeChatConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;
  #known: { readonly token: string; readonly expiresAtMs: number } | undefined;

  constructor(config: WeChatConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const config = this.#config;
    const texts = new MessageTexts(this.#environment, notification);
    const { messageType } = config;
    const content = truncateBytes(texts.text(config.message), MESSAGE_SIZE_MAX[messageType]);
    const json = {
      [messageType]: { content },
      ...filled({
        touser: texts.text(config.toUser),
        toparty: texts.text(config.toParty),
        totag: texts.text(config.toTag),
        agentid: texts.text(config.agentId),
      }),
      safe: "0",
      msgtype: messageType,
    };
    const hadToken = this.#known !== undefined;
    const answer = await this.#post(json, await this.#token(texts, signal), hadToken, signal);
    if (!isTokenRefused(answer)) return {};
    this.#known = undefined;
    await this.#post(json, await this.#token(texts, signal), false, signal);
    return {};
  }

  /** With `mayBeRefused` the answer that the token is over is the caller's to see. */
  #post(
    json: object,
    token: string,
    mayBeRefused: boolean,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const url = new URL("message/send", this.#config.apiUrl);
    url.searchParams.set("access_token", token);
    return this.#sender.send(
      {
        url: url.href,
        json,
        secrets: [token],
        judge: (answer) => (mayBeRefused && isTokenRefused(answer) ? undefined : judge(answer)),
      },
      signal,
    );
  }

  async #token(texts: MessageTexts, signal: AbortSignal): Promise<string> {
    const { clock } = this.#environment;
    const askedAtMs = clock.monotonicMs();
    if (this.#known !== undefined && askedAtMs < this.#known.expiresAtMs) return this.#known.token;
    const { apiUrl, apiSecret, corpId } = this.#config;
    const secret = texts.text(apiSecret.reveal());
    const url = new URL("gettoken", apiUrl);
    url.searchParams.set("corpid", texts.text(corpId));
    url.searchParams.set("corpsecret", secret);
    const answer = await this.#sender.send(
      { method: "GET", url: url.href, secrets: [secret], judge: judgeToken },
      signal,
    );
    const { access_token: given, expires_in: seconds } = answerFields(answer);
    const token = textOf(given);
    const lastsMs = typeof seconds === "number" ? seconds * 1000 : TOKEN_AGE_MS_DEFAULT;
    this.#known = { token, expiresAtMs: askedAtMs + lastsMs - EXPIRES_EARLY_MS };
    return token;
  }
}

function isTokenRefused(answer: HttpAnswer): boolean {
  return TOKEN_CODES.has(codeOf(answer) ?? 0);
}

function codeOf(answer: HttpAnswer): number | undefined {
  const { errcode } = answerFields(answer);
  return typeof errcode === "number" ? errcode : undefined;
}

/** Answers 200 with a code of its own; one that is none of WeChat's says nothing of the message. */
function judge(answer: HttpAnswer): Refusal | undefined {
  const refusal = judgeStatus()(answer);
  if (refusal !== undefined) return refusal;
  const code = codeOf(answer);
  if (code === 0) return undefined;
  const reason = textOf(answerFields(answer)["errmsg"]) || shownAnswer(answer);
  if (code === undefined) return { transient: true, reason: `not understood: ${reason}` };
  return { transient: TRANSIENT_CODES.has(code), reason: `error ${code}: ${reason}` };
}

function judgeToken(answer: HttpAnswer): Refusal | undefined {
  const isGiven = textOf(answerFields(answer)["access_token"]) !== "";
  if (isGiven && judgeStatus()(answer) === undefined) return undefined;
  const refusal = judge(answer) ?? { transient: false, reason: "the answer holds none" };
  return { ...refusal, reason: `access token: ${refusal.reason}` };
}
