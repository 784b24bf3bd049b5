import type { VictorOpsConfig } from "../config/paging-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { dedupKey } from "./dedup-key.ts";
import { HttpSender } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { truncateCharacters } from "./truncate.ts";

/** What VictorOps takes of a state message, in characters. */
const STATE_MESSAGE_LENGTH_MAX = 20_480;
const FIRING_TYPES: ReadonlySet<string> = new Set(["INFO", "WARNING", "CRITICAL"]);

/** Opens, acknowledges and recovers the incidents of VictorOps, which is Splunk On-Call. */
export class VictorOpsReceiver implements Receiver {
  readonly #config: VictorOpsConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: VictorOpsConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const config = this.#config;
    const texts = new MessageTexts(this.#environment, notification);
    const key = config.apiKey.reveal();
    const routing = encodeURIComponent(texts.text(config.routingKey).toWellFormed());
    const isAcknowledged = notification.context?.incident?.status === "acknowledged";
    const json = {
      message_type: messageType(texts, config.messageType, isAcknowledged),
      entity_id: dedupKey(notification),
      entity_display_name: texts.text(config.entityDisplayName),
      state_message: truncateCharacters(texts.text(config.stateMessage), STATE_MESSAGE_LENGTH_MAX),
      monitoring_tool: texts.text(config.monitoringTool),
      ...Object.fromEntries(config.customFields.map(([name, text]) => [name, texts.text(text)])),
    };
    const url = new URL(`${encodeURIComponent(key.toWellFormed())}/${routing}`, config.apiUrl).href;
    await this.#sender.send({ url, json }, signal);
    return {};
  }
}

/** Of a firing group what the configuration says, if it is one of those that open an incident. */
function messageType(texts: MessageTexts, configured: string, isAcknowledged: boolean): string {
  if (texts.status === "resolved") return "RECOVERY";
  if (isAcknowledged) return "ACKNOWLEDGEMENT";
  const type = texts.text(configured);
  return FIRING_TYPES.has(type) ? type : "CRITICAL";
}
