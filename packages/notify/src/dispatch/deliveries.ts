import { type Clock, OperatingError, type Rng } from "@pharos/base";
import { type IntegrationConfig, integrationKey } from "../config/integration-config.ts";
import type { NotificationConfig } from "../config/notification-config.ts";
import { DeliveryLoop, type DeliveryLoopOptions, type DeliveryStatus } from "../delivery-loop.ts";
import type { Receiver } from "../receiver.ts";
import type { RetryPolicy } from "../retry.ts";
import type { CircuitPolicy } from "./circuit.ts";
import type { Integration, Pending } from "./decide.ts";
import type { OutboxEntry } from "./outbox-entry.ts";
import type { RateLimit } from "./token-bucket.ts";

export interface DeliveriesOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly retry: RetryPolicy;
  readonly rate: RateLimit;
  readonly circuit: CircuitPolicy;
  readonly createReceiver: (config: IntegrationConfig, receiver: string) => Receiver;
  readonly calls: Pick<DeliveryLoopOptions, "prepare" | "claim" | "attempted">;
}

/** The delivery loops of all integrations that are configured. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #loops = new Map<string, DeliveryLoop>();
  #integrations: ReadonlyMap<string, readonly Integration[]> = new Map();

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** How a receiver is told, in the order in which Alertmanager does. */
  integrationsOf(receiver: string): readonly Integration[] {
    return this.#integrations.get(receiver) ?? [];
  }

  has(integration: string): boolean {
    return this.#loops.has(integration);
  }

  /** How to send to an integration outside all order, for a test of it. */
  receiver(integration: string): Receiver | undefined {
    return this.#loops.get(integration)?.receiver;
  }

  /** False where the integration is not configured. */
  add(entry: OutboxEntry): boolean {
    const loop = this.#loops.get(entry.integration);
    loop?.add(entry);
    return loop !== undefined;
  }

  pending(integration: string, id: string): Pending | undefined {
    return this.#loops.get(integration)?.pending(id);
  }

  hold(integration: string, id: string): boolean {
    return this.#loops.get(integration)?.hold(id) ?? false;
  }

  release(integration: string, id: string): void {
    this.#loops.get(integration)?.release(id);
  }

  withdraw(id: string): void {
    for (const loop of this.#loops.values()) loop.withdraw(id);
  }

  entries(): OutboxEntry[] {
    return [...this.#loops.values()].flatMap((loop) => loop.entries());
  }

  waitingCount(): number {
    let count = 0;
    for (const loop of this.#loops.values()) {
      const { waiting, sending } = loop.status();
      count += waiting + sending;
    }
    return count;
  }

  /** When the oldest of them was decided; undefined where nothing waits. */
  oldestMs(): number | undefined {
    let oldestMs: number | undefined;
    for (const loop of this.#loops.values()) {
      const ofLoopMs = loop.oldestMs();
      if (ofLoopMs !== undefined) oldestMs = Math.min(oldestMs ?? ofLoopMs, ofLoopMs);
    }
    return oldestMs;
  }

  status(): ReadonlyMap<string, DeliveryStatus> {
    return new Map([...this.#loops].map(([key, loop]) => [key, loop.status()]));
  }

  /** Makes the loops fit the configuration; gives the notifications of integrations that are no more. */
  async apply(config: NotificationConfig): Promise<OutboxEntry[]> {
    const { createReceiver, calls, ...options } = this.#options;
    const integrations = new Map<string, Integration[]>();
    const wanted = new Set<string>();
    for (const { name, integrations: configs } of config.receivers) {
      const list: Integration[] = [];
      for (const each of configs) {
        const key = integrationKey(name, each);
        wanted.add(key);
        list.push({ key, receiver: name, sendResolved: each.sendResolved });
        const receiver = createReceiver(each, name);
        const loop = this.#loops.get(key);
        if (loop !== undefined) loop.setReceiver(receiver);
        else this.#loops.set(key, new DeliveryLoop({ receiver, ...options, ...calls }));
      }
      integrations.set(name, list);
    }
    this.#integrations = integrations;
    const orphans: OutboxEntry[] = [];
    const ended: Promise<void>[] = [];
    for (const [key, loop] of this.#loops) {
      if (wanted.has(key)) continue;
      this.#loops.delete(key);
      orphans.push(...loop.entries());
      ended.push(loop.stop());
    }
    await Promise.all(ended);
    return orphans;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#loops.values()].map((loop) => loop.stop()));
  }
}

export function noLongerConfigured(integration: string): OperatingError {
  return new OperatingError("notify.rejected", `${integration} is no longer configured`);
}
