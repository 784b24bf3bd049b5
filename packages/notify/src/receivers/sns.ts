import type { SnsConfig } from "../config/paging-configs.ts";
import {
  DeliveryError,
  type OutgoingNotification,
  type Receipt,
  type Receiver,
} from "../receiver.ts";
import { AwsIdentity } from "./aws-credentials.ts";
import { awsMessage, awsUrl } from "./aws-request.ts";
import { dedupKey } from "./dedup-key.ts";
import { HttpSender } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { truncateBytes } from "./truncate.ts";

/** What SNS takes: a message in bytes, a subject in characters, which may only be ASCII. */
const MESSAGE_SIZE_MAX = 256 * 1024;
const SMS_SIZE_MAX = 1600;
const SUBJECT_LENGTH_MAX = 99;

/** Publishes to a topic, an endpoint or a phone of Amazon's SNS. */
export class SnsReceiver implements Receiver {
  readonly #config: SnsConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;
  readonly #identity: AwsIdentity;

  constructor(config: SnsConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
    this.#identity = new AwsIdentity(config.sigv4, environment, this.#sender);
  }

  async send(outgoing: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const texts = new MessageTexts(this.#environment, outgoing.notification);
    const form = this.#form(outgoing, texts);
    const region = await this.#identity.region();
    const url = texts.text(this.#config.apiUrl).trim() || awsUrl("sns", region);
    if (!URL.canParse(url))
      throw new DeliveryError("notify.rejected", "sns: api_url does not come out as a URL");
    const credentials = await this.#identity.credentials(region, signal);
    const nowMs = this.#environment.clock.nowMs();
    const scope = { region, service: "sns", credentials, nowMs };
    try {
      await this.#sender.send(awsMessage(new URL(url).href, form, scope), signal);
    } catch (error) {
      if (error instanceof DeliveryError) this.#identity.forget();
      throw error;
    }
    return {};
  }

  #form(
    { notification, idempotencyKey }: OutgoingNotification,
    texts: MessageTexts,
  ): URLSearchParams {
    const { topicArn, phoneNumber, targetArn, subject, message, attributes } = this.#config;
    const whole = texts.text(message);
    const cut = truncateBytes(whole, phoneNumber === "" ? MESSAGE_SIZE_MAX : SMS_SIZE_MAX);
    const fields: [name: string, value: string][] = [
      ["TopicArn", texts.text(topicArn).trim()],
      ["PhoneNumber", texts.text(phoneNumber).trim()],
      ["TargetArn", texts.text(targetArn).trim()],
      ["Subject", subjectOf(texts.text(subject))],
      ["Message", cut],
    ];
    // What is told twice under one key within five minutes arrives once: our attempts, but never two notifications.
    if (texts.text(topicArn).trim().endsWith(".fifo"))
      fields.push(
        ["MessageGroupId", dedupKey(notification)],
        ["MessageDeduplicationId", idempotencyKey],
      );
    const form = new URLSearchParams({ Action: "Publish", Version: "2010-03-31" });
    for (const [name, value] of fields) if (value !== "") form.set(name, value);
    const given = attributes.map(([name, value]) => [texts.text(name), texts.text(value)] as const);
    const all = cut === whole ? given : [...given, ["truncated", "true"] as const];
    // SNS refuses one that is empty.
    for (const [i, [name, value]] of all.filter(([, value]) => value !== "").entries()) {
      const entry = `MessageAttributes.entry.${i + 1}`;
      form.set(`${entry}.Name`, name);
      form.set(`${entry}.Value.DataType`, "String");
      form.set(`${entry}.Value.StringValue`, value);
    }
    return form;
  }
}

/** Anything but ASCII in one line, and anything too long, is refused together with the message. */
function subjectOf(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[^ -~]/gu, "?")
    .slice(0, SUBJECT_LENGTH_MAX);
}
