import { recordBesides } from "@pharos/alert";
import type { StoredDocument } from "@pharos/ports";
import type { DispatchState } from "../dispatch/dispatch-state.ts";
import type { Placement } from "../dispatch/placement.ts";
import type { Settlement } from "../dispatch/settlement.ts";
import { alertFromDocument, alertWrite } from "../dispatch/stored-alert.ts";
import { recordFromDocument, recordWrite } from "../dispatch/stored-record.ts";
import { toldOf } from "./cluster-dispatch.ts";
import type { ToldUpdate } from "./cluster-message.ts";

/** What a dispatcher tells servers that share no store with it, and what it hears from them. */
export class PeerDispatch {
  readonly #state: DispatchState;
  readonly #placement: Placement;
  readonly #settlement: Settlement;

  constructor(state: DispatchState, placement: Placement, settlement: Settlement) {
    this.#state = state;
    this.#placement = placement;
    this.#settlement = settlement;
  }

  /** What integrations were told of groups. */
  told(): readonly ToldUpdate[] {
    return toldOf(this.#state.records.all());
  }

  /** The alerts that were posted, as documents. */
  postedAlerts(): readonly StoredDocument[] {
    const { intake } = this.#state;
    return [...intake.all()].flatMap((known) =>
      known.origin === "posted" ? (alertWrite({ ...known, server: "" }).document ?? []) : [],
    );
  }

  /**
   * Takes over what another server has told. What waits here to be sent was decided without knowing of it, and is not
   * sent; what is being sent is the newest word.
   *
   * @throws OperatingError `disk.corrupt`
   */
  async adoptTold(document: StoredDocument): Promise<void> {
    const { records, deliveries, superseded, writer } = this.#state;
    const told = { ...recordFromDocument(document), pending: undefined };
    const { groupId, integration } = told;
    const ours = records.get(groupId, integration);
    const key = ours?.pending;
    const pending = key === undefined ? undefined : deliveries.pending(integration, key);
    // What is on its way people may have heard, or not.
    const heard = pending?.kind === "waiting" ? pending.entry.recordBefore : ours?.record;
    const record = recordBesides(told.record, pending?.kind === "sending" ? undefined : heard);
    const sequence = Math.max(record.sequence, ours?.record.sequence ?? 0);
    const adopted = { ...told, record: { ...record, sequence } };
    if (key !== undefined && pending?.kind === "waiting") {
      deliveries.withdraw(key);
      await this.#settlement.supersede(pending.entry, adopted);
    } else if (key !== undefined) superseded.set(key, adopted);
    else {
      records.set(adopted);
      await writer.write([recordWrite(adopted)], "keeping what another server has told");
    }
    this.#adoptTimer(groupId);
  }

  /** Another server has looked at the group just now: what differs here may be a moment's delay, and waits. */
  #adoptTimer(groupId: string): void {
    const { table, records } = this.#state;
    const nowMs = this.#state.clock.nowMs();
    const group = table.get(groupId);
    if (group === undefined || records.hasUnheard(groupId, group.members, nowMs)) return;
    group.flushed = true;
    group.nextFlushMs = nowMs + group.route.groupIntervalMs;
    table.requeue(group);
  }

  /**
   * Hears of an alert that was posted to another server.
   *
   * @throws OperatingError `disk.corrupt`
   */
  async adoptAlert(document: StoredDocument): Promise<void> {
    const stored = alertFromDocument(document);
    const nowMs = this.#state.clock.nowMs();
    const adopted = this.#placement.adopt([stored], nowMs);
    if (adopted.length === 0) return;
    const writes = [alertWrite(stored), ...this.#placement.place(adopted, nowMs)];
    await this.#state.writer.write(writes, "keeping alerts of another server");
  }
}
